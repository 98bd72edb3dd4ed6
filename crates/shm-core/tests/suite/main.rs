//! What shm-core promises, tried on generated values, on brute-force models and on hostile bytes.
#![allow(clippy::unwrap_used, clippy::panic)] // the helpers of tests are tests

mod dtype;
mod errors;
mod header;
mod header_hostile;
mod layout;
mod payload;
mod payload_hostile;
mod strategies;
mod window;
