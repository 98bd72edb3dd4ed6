//! Many arrays in one segment: one descriptor and one mapping per process, however many arrays.
//!
//! An [`Arena`] gives [`Draft`]s, which become [`Block`]s: bytes with a number, a generation and 88
//! bytes of the caller's. A block is free again when the last process that has a handle of it drops it
//! or dies. What a dead process alone had is free before the arena grows or is full; what a living one
//! has is never taken; a stopped process stops nobody else.
//!
//! - `table.rs`: who holds what, and when a block is free. It has the algorithms;
//! - `slab.rs`, `class.rs`: where a block of some length lies, and how the arena grows;
//! - `words.rs`: the words that processes share; `geometry.rs`: where they lie;
//! - `space.rs`: the mapping, which is longer than the file, and the only casts from bytes.
//!
//! docs/arena.md has the layout, and for each step what a death after it leaves. The model checker
//! runs the algorithms in `models` (`cargo xtask loom`).
//!
//! This crate makes no segment: it is given one, whose file can grow and never becomes shorter. It
//! knows no dtype and no shape, and makes no view of elements. A block is of the process that took it:
//! a forked child attaches to it by its index and generation while a handle of another process lives.
#![deny(unsafe_code)]

#[cfg(not(loom))]
mod arena;
#[cfg(not(loom))]
mod attachment;
#[cfg(not(loom))]
mod block;
mod class;
#[cfg(not(loom))]
mod geometry;
#[cfg(all(loom, test))]
mod models;
#[cfg(not(loom))]
mod os;
mod slab;
#[cfg(not(loom))]
mod space;
#[cfg(not(loom))]
mod stats;
mod table;
mod words;

pub use words::META_LEN;
#[cfg(not(loom))]
pub use {
    arena::Arena,
    block::{Block, Draft},
    geometry::Geometry,
    stats::Stats,
};
