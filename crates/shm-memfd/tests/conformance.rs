//! The suite of all backends, on this one.
#![allow(clippy::unwrap_used)] // a failed step fails the test

mod harness;

use harness::Unnamed;

shm_conformance::suite!(Unnamed);
shm_conformance::handover_suite!(Unnamed);
shm_conformance::identity_suite!(Unnamed);
