//! Locks, claims, barriers and progress in shared bytes, which survive the death of their holders.
//!
//! [`Shared`] is where everything begins: the words of a mapped segment ([`Words`]), and who this
//! process is in them ([`SharedWords`]). From it come
//! - [`ExclusiveGuard`] and [`SharedGuard`]: the lock of an array, held alone or with others
//!   (`lock.rs`);
//! - [`Round`] and [`Claim`]: an array chunk by chunk, each chunk handed out until it is done
//!   (`claims.rs`);
//! - [`Seat`]: a place at the barrier (`barrier.rs`);
//! - [`ProgressCounter`]: a counter to wait on (`event.rs`);
//! - [`Participant`]: who has a slot, and lives.
//!
//! Who looks without attaching has the same from a copy of the bytes ([`Snapshot`]).
//!
//! The algorithms (the files in brackets) know atomics, waiting and who is alive, through
//! `atomic.rs` and the two traits of `system.rs`; the model checker puts its own in their place
//! (`cargo xtask loom`). `words.rs` is the layout in memory, `shared.rs` the only cast from bytes,
//! `futex.rs` the system for real.
//!
//! Whoever waits asks the kernel at least every 50 milliseconds whether those it waits for live.
//!
//! This crate does not map anything, makes no view of elements, and decides nothing about what is
//! done under a lock.
#![deny(unsafe_code)]

mod atomic;
mod barrier;
mod claims;
mod event;
#[cfg(not(loom))]
mod futex;
#[cfg(not(loom))]
mod guard;
mod lock;
#[cfg(all(loom, test))]
mod models;
#[cfg(not(loom))]
mod participant;
#[cfg(not(loom))]
mod progress;
#[cfg(not(loom))]
mod round;
#[cfg(not(loom))]
mod seat;
#[cfg(not(loom))]
mod shared;
#[cfg(not(loom))]
mod snapshot;
mod spin;
mod system;
mod words;

pub use system::{Timeout, Wait};
#[cfg(not(loom))]
pub use {
    guard::{ExclusiveGuard, SharedGuard},
    participant::Participant,
    progress::ProgressCounter,
    round::{Claim, Round, RoundProgress},
    seat::Seat,
    shared::{Shared, SharedWords, Words, participants},
    snapshot::{LockState, Snapshot},
};
