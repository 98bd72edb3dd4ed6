//! What this crate asks of the operating system: the only place that differs from one to another.
//!
//! A system is a file here with three functions: `sleep_on` a word of shared memory, `wake` the sleepers in
//! every process, and the clock that they sleep by, `now`. A system without its own has `elsewhere.rs`, where
//! no thread can sleep.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{now, sleep_on, wake};
#[cfg(target_os = "linux")]
pub(crate) use linux::{now, sleep_on, wake};
