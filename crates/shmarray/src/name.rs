//! Names that nobody else has, names to be removed, and names that nobody has any more.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use shm_core::{Name, Result};
#[cfg(feature = "shm")]
use shm_posix::Abandoned;

use crate::backends;

/// A name that no other process, forked or not, has made or will make:
/// `prefix-time and random bits-count`.
///
/// # Errors
/// [`InvalidName`](shm_core::ErrorKind::InvalidName) if no name can begin with that prefix.
pub fn unique_name(prefix: &str) -> Result<Name> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Relaxed);
    Name::new(format!("{prefix}-{}-{count}", shm_presence::stamp().uuid.simple()))
}

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
#[cfg(feature = "shm")]
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
#[cfg(feature = "shm")]
pub fn gc() -> Result<Vec<Abandoned>> {
    shm_posix::Posix::default().collect()
}
