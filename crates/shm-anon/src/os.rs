//! Files for locks only: one file per system, with the same functions in each. A system without its own has
//! `elsewhere.rs`, where there are no such files.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::{Refusal, open_afresh, unnamed_file};
#[cfg(target_os = "linux")]
pub(crate) use linux::{Refusal, open_afresh, unnamed_file};
