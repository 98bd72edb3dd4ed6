//! Where a system keeps named segments, and how it publishes one in a single step: one file or folder per
//! system, with the same functions in each. A system without its own has `elsewhere.rs`, where no name leads
//! to a segment.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::*;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;
