//! What every backend promises, as one suite of tests, and what tests with several processes need.
//!
//! A backend is finished when it passes [`suite!`], and [`named_suite!`], [`handover_suite!`] or
//! [`identity_suite!`] with [`identity_forks`] and [`limits()`] if it has those abilities. `tests/minimal.rs` shows the least that is valid.
//!
//! This crate is for tests only: its functions fail by panicking. It knows no backend, and nothing
//! above `shm-presence`.
//!
//! - `harness.rs`: what a backend tells about itself to be tested;
//! - `suite.rs`: the lists of promises, one `#[test]` for each;
//! - `promises/`: the promises;
//! - `identity_forks.rs`: those that need forks;
//! - [`mod@limits`]: those of a process that reaches a limit;
//! - [`bytes`]: single bytes of a region, and writes that the kernel has to refuse;
//! - [`dice`]: random numbers that a printed seed brings back;
//! - [`kill`]: SIGKILL at each step of an operation;
//! - [`leaks`]: descriptors, mappings and entries, counted before and after;
//! - [`process`]: children that fork, run this program again, die and are waited for;
//! - [`refusals`]: calls and files that the system refuses;
//! - [`private`]: a `/dev/shm` that nobody else uses, process ids of one's own, hidden folders;
//! - [`user`]: a user without privileges.
#![deny(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)] // a failed step fails the test
#![cfg(target_os = "linux")]

pub mod bytes;
pub mod dice;
mod harness;
mod identity_forks;
pub mod kill;
pub mod leaks;
pub mod limits;
pub mod private;
pub mod process;
#[doc(hidden)]
pub mod promises;
pub mod refusals;
mod suite;
pub mod user;

pub use harness::{
    AttachedOf, HandoverHarness, Harness, IdentityHarness, NamedHarness, SegmentOf, SourceOf, spec,
    unique_name,
};
pub use identity_forks::identity_forks;
pub use limits::limits;
