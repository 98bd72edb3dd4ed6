//! Locks, claims, barriers and progress in shared bytes, which survive the death of their holders.
//!
//! Everything begins with [`Shared`]: the words of a mapped segment ([`Words`]), and the slot of this
//! process ([`SharedWords`]). From it come
//! - [`ExclusiveGuard`] and [`SharedGuard`]: the lock of an array, held exclusively or shared
//!   (`lock.rs`);
//! - [`Round`] and [`Claim`]: an array chunk by chunk, each chunk handed out until it is done
//!   (`claims.rs`);
//! - [`Ring`] and [`Frame`]: an array whose first axis is a ring of frames, through which items flow
//!   (`ring.rs`);
//! - [`Seat`]: a seat at the barrier (`barrier.rs`);
//! - [`ProgressCounter`]: a counter to wait on (`event.rs`);
//! - [`Participant`]: a process that has a slot, and whether it lives.
//!
//! A process that is not attached reads the same from a copy of the bytes ([`Snapshot`]).
//!
//! The algorithms (the files in brackets) use atomics, sleep, and ask which owners live through
//! `atomic.rs` and the traits in `sleep.rs` and `liveness.rs`. The model checker puts its own in their
//! place (`cargo xtask loom`). `waiter.rs` is one thread's wait, `words.rs` the layout in memory,
//! `shared.rs` the only cast from bytes, `kernel.rs` the system for real, through `os`.
//!
//! A waiter asks the kernel at least every 50 milliseconds whether those it waits for live.
//!
//! This crate does not map anything, makes no view of elements, and decides nothing about what is
//! done under a lock.
#![deny(unsafe_code)]

#[doc(hidden)] // for the algorithms of shm-arena too
pub mod atomic;
mod barrier;
mod claims;
mod event;
#[cfg(loom)]
#[doc(hidden)] // for the models of shm-arena too
pub mod explore;
#[cfg(not(loom))]
mod frame;
#[cfg(not(loom))]
mod guard;
#[cfg(not(loom))]
mod kernel;
mod liveness;
mod lock;
#[cfg(all(loom, test))]
mod models;
#[cfg(not(loom))]
mod os;
#[cfg(not(loom))]
mod participant;
#[cfg(not(loom))]
mod progress;
mod ring;
#[cfg(not(loom))]
mod round;
#[cfg(not(loom))]
mod seat;
#[cfg(not(loom))]
mod shared;
mod sleep;
#[cfg(not(loom))]
mod snapshot;
mod spin;
mod wait;
mod waiter;
mod waits_for;
mod words;

pub use wait::{Timeout, Wait};
pub use waits_for::WaitsFor;
#[cfg(not(loom))]
pub use {
    frame::{Frame, Ring},
    guard::{ExclusiveGuard, SharedGuard},
    participant::{Participant, participants},
    progress::ProgressCounter,
    round::{Claim, Round, RoundProgress},
    seat::Seat,
    shared::{Shared, SharedWords, Words},
    snapshot::{LockState, Snapshot, WaitState},
};
