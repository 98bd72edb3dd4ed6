//! What is asked of the operating system: one file or folder per system, with the same functions in
//! each. A system without its own uses `elsewhere.rs`, where no array can be handed over.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
pub use elsewhere::Socket;
#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::*;
#[cfg(target_os = "linux")]
pub use linux::Socket;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;
