//! Locks, claims, barriers and progress in shared bytes, which survive the death of their holders.
//!
//! [`Shared`] is where everything begins: the words of a mapped segment ([`Words`]), and who this
//! process is in them ([`Attachment`]). From it come
//! - [`Exclusive`] and [`Together`]: the lock of an array, held alone or with others
//!   (`lock.rs`);
//! - [`Pass`] and [`Claim`]: an array chunk by chunk, each chunk handed out until it is done
//!   (`claims.rs`);
//! - [`Place`]: a place at the barrier (`barrier.rs`);
//! - [`Progress`]: a counter to wait on (`event.rs`);
//! - [`Participant`]: who has a slot, and lives.
//!
//! Who looks without attaching has the same from a copy of the bytes ([`Seen`]).
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
mod pass;
mod patience;
#[cfg(not(loom))]
mod place;
#[cfg(not(loom))]
mod progress;
#[cfg(not(loom))]
mod seen;
#[cfg(not(loom))]
mod shared;
mod system;
mod words;

pub use system::Limit;
#[cfg(not(loom))]
pub use {
    guard::{Exclusive, Together},
    participant::Participant,
    pass::{Claim, Pass, PassProgress},
    place::Place,
    progress::Progress,
    seen::{LockState, Seen},
    shared::{Attachment, Shared, Words, participants},
};
