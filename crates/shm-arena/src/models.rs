//! The algorithms under the model checker, with the explorer of shm-sync: every order in which 2 or 3
//! threads can take their steps, and every step at which one of them can die. `cargo xtask loom` runs
//! it. What a line of the output means is in `shm-sync/src/models.rs`.
//!
//! **Data.** Each block has a cell that its creator writes, a process with a handle reads, and a freed
//! one's memory is discarded from: the checker tells of any two that are not in order.
//!
//! **The end.** Each model ends with a rescue of the dead slot, and then nobody has a handle: every
//! block is free, its hint says so, and no mark is left.
//!
//! Beyond these models: more than 3 threads, more than one death besides the first state of a model,
//! words that wrap around, more than 4 slots.
#![allow(clippy::unwrap_used, clippy::panic)] // what should not happen fails the model

mod growth;
mod handles;
mod rescue;
mod world;
