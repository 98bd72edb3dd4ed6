//! What is asked of the operating system: one file per system, with the same functions in each.
//!
//! Whatever the system does not tell is `None`: a missing or garbled file, or a refused call, is
//! never an error here. A system without a file of its own uses `elsewhere.rs`, which asks nothing.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{overcommit, refusal, shm_space};
#[cfg(target_os = "linux")]
pub(crate) use linux::{overcommit, refusal, shm_space};

/// What an explanation calls the place that `shm` takes its space from.
pub(crate) use shm_map::SHM_DIRECTORY as SHM_PLACE;
