//! Identities across forks and deaths.
#![allow(clippy::unwrap_used)] // a failed step fails the test

mod harness;

use harness::Unnamed;

fn main() {
    shm_conformance::process::main(&[], &shm_conformance::identity_forks::<Unnamed>());
}
