//! Deaths by SIGKILL: nothing is lost, no process sees another array's bytes, no mark is left.
//!
//! - at each instruction: a process is single-stepped through its operations and killed at one of them;
//! - a storm: several processes work in one arena and are killed at random moments, so many times.
//!   `SHMARRAY_ARENA_KILLS` says how many times.

#![allow(unsafe_code, clippy::unwrap_used, clippy::panic)] // fork, kill; a failed step fails the test

mod board;
mod steps;
mod storm;
#[path = "../support/mod.rs"]
mod support;

use shm_arena::{Arena, Stats};
use support::GrowingMemfd;

fn main() {
    shm_conformance::process::main(
        &[],
        &[
            ("killed_at_each_instruction", steps::killed_at_each_instruction),
            ("a_storm_of_kills_leaves_nothing", storm::a_storm_of_kills_leaves_nothing),
        ],
    );
}

/// Frees what the dead had; then nothing may be left but `handles` handles of `arrays` arrays.
fn assert_collected(arena: &Arena<GrowingMemfd>, arrays: u64, handles: u64, when: &str) {
    arena.collect().unwrap();
    let stats = arena.stats().unwrap();
    let Stats { changing, hidden, .. } = stats;
    assert_eq!((stats.arrays, stats.handles), (arrays, handles), "{when}: {stats:?}");
    assert_eq!((changing, hidden), (0, 0), "{when}: {stats:?}");
}
