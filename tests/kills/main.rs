//! SIGKILL at random moments, thousands of times: workers share an array by guards, chunks, a
//! barrier or flags, are killed and replaced, and the others go on and come out right.
//!
//! - `board.rs`: the table in which workers say what they are at;
//! - `pool.rs`: the workers, forked and killed;
//! - `game.rs`: the rounds, and what a game is;
//! - `guards.rs`, `claims.rs`, `barrier.rs`, `watchers.rs`: the games;
//! - `cases/`: deaths and other ends that are placed exactly;
//! - `report.rs`: how many rounds there are, and what was killed in them.
//!
//! `SHMARRAY_KILL_ROUNDS` says how many rounds of each game are to count, on each backend (250).
//! A round counts if its victim held something. `SHMARRAY_KILL_SEED` brings a seed back that was
//! printed: the same random numbers, though not the same moments.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

mod barrier;
mod board;
mod cases;
mod claims;
mod game;
mod guards;
mod pool;
mod report;
mod watchers;

use ndarray::Dimension;
use shm_conformance::{leaks, process};
use shmarray::mode::Mode;
use shmarray::prelude::*;
use shmarray::{Array, BackendKind};

use crate::game::run;

fn main() {
    let games: [(&str, fn()); 13] = [
        ("guards_shm", || run::<guards::Guards>(BackendKind::Shm)),
        ("guards_mmap", || run::<guards::Guards>(BackendKind::Mmap)),
        ("guards_memfd", || run::<guards::Guards>(BackendKind::Memfd)),
        ("claims_shm", || run::<claims::Claims>(BackendKind::Shm)),
        ("claims_mmap", || run::<claims::Claims>(BackendKind::Mmap)),
        ("claims_memfd", || run::<claims::Claims>(BackendKind::Memfd)),
        ("barrier_shm", || run::<barrier::Phases>(BackendKind::Shm)),
        ("barrier_mmap", || run::<barrier::Phases>(BackendKind::Mmap)),
        ("barrier_memfd", || run::<barrier::Phases>(BackendKind::Memfd)),
        ("watchers_shm", || run::<watchers::Watchers>(BackendKind::Shm)),
        ("watchers_mmap", || run::<watchers::Watchers>(BackendKind::Mmap)),
        ("watchers_memfd", || run::<watchers::Watchers>(BackendKind::Memfd)),
        ("report", report::print),
    ];
    let tests: Vec<_> = cases::ALL.iter().copied().chain(games).collect();
    process::main(&[], &tests);
}

/// The same array once more: another attachment, with a slot of its own.
fn again<T: Element, D: Dimension, M: Mode>(array: &Array<T, D, M>) -> Array<T, D, M> {
    match array.backend() {
        BackendKind::Memfd => Array::from_payload(&array.payload().unwrap()).unwrap(),
        _ => Array::attach(array.name().as_str()).unwrap(),
    }
}

/// Runs a test on each backend, in a process that has hung if it takes long; nothing may be left.
fn on_each(test: impl Fn(BackendKind)) {
    for backend in BackendKind::ALL {
        process::die_if_hanging(60);
        leaks::none(|| test(backend));
    }
}
