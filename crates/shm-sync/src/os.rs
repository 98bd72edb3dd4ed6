//! What this crate asks of the operating system: the only place that differs from one to another.
//!
//! A system is a file here with three functions: `sleep_on` a word of shared memory, `wake` those who do in
//! any process, and the clock that they sleep by, `now`.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
pub(crate) use linux::{now, sleep_on, wake};
