//! Arrays by their names alone: removing them, names that nobody else has, and what killed processes
//! left.

use shm_core::{Name, Result};
#[cfg(all(feature = "shm", target_os = "linux"))]
pub use shm_posix::Abandoned;

use crate::backends;

pub(crate) mod unique;

pub use unique::unique_name;

/// Removes a named array (backend `shm`) by its name alone; those attached keep their memory.
///
/// Tells whether the name is free now: `true` also if nothing bore it.
///
/// # Errors
/// [`WrongOwner`](shm_core::ErrorKind::WrongOwner) or
/// [`NotASegment`](shm_core::ErrorKind::NotASegment) for what it must not remove;
/// [`Busy`](shm_core::ErrorKind::Busy) if another process changes the name and does not finish;
/// [`BackendNotCompiled`](shm_core::ErrorKind::BackendNotCompiled) without the feature `shm`.
pub fn delete(name: &str) -> Result<bool> {
    backends::delete(&Name::new(name)?)
}

/// The named segments (backend `shm`) that nobody is attached to, and that are not to persist: what
/// [`gc`] would remove now.
///
/// # Errors
/// [`Os`](shm_core::ErrorKind::Os) if `/dev/shm` cannot be read.
#[cfg(all(feature = "shm", target_os = "linux"))]
pub fn abandoned() -> Result<Vec<Abandoned>> {
    shm_posix::Posix::default().abandoned()
}

/// Removes the segments that killed processes left, and tells which they were.
///
/// One that anybody is attached to, in whatever container or PID namespace, is never removed, and
/// files that are none of ours are not touched. Each process does so by itself when it makes its
/// first named array, for the first 1024 entries of `/dev/shm`.
///
/// # Errors
/// [`Os`](shm_core::ErrorKind::Os) if `/dev/shm` cannot be read.
#[cfg(all(feature = "shm", target_os = "linux"))]
pub fn gc() -> Result<Vec<Abandoned>> {
    shm_posix::Posix::default().collect()
}
