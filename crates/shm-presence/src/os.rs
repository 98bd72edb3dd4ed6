//! What presence and identity need of the operating system: one folder per system, with the same
//! functions in each. A system without its own has `elsewhere.rs`, where no lock can be taken.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::*;
#[cfg(not(target_os = "linux"))]
pub use elsewhere::{is_same_file, reopen};
#[cfg(target_os = "linux")]
pub use linux::*;
