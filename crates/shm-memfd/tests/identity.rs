//! Identities across forks and deaths, and limits that are reached.
#![allow(clippy::unwrap_used)] // a failed step fails the test

mod harness;

use shm_conformance::{identity_forks, limits, process};

use harness::Unnamed;

fn main() {
    let tests = [identity_forks::<Unnamed>(), limits::<Unnamed>()].concat();
    process::main(&[], &tests);
}
