//! Files without a name, and what the system enforces on them: one file per system, with the same functions
//! in each. A system without its own has `elsewhere.rs`, where no segment can be made or attached.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::*;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;
