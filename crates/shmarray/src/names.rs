//! Arrays by their names alone: removing them, names that nobody else has, and what killed processes
//! left.

pub use shm_core::Uuid;
use shm_core::{Name, Result};
#[cfg(feature = "shm")]
pub use shm_posix::{Abandoned, Uncollected};

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
#[cfg(feature = "shm")]
pub fn abandoned() -> Result<Vec<Abandoned>> {
    shm_posix::Posix::default().abandoned()
}

/// The named segments (backend `shm`) that nobody is attached to either, as far as this process can
/// see, and that [`gc`] leaves as they are; with the reason of each.
///
/// The superuser sees those of other users, and leaves them: whoever owns an entry can exchange it at
/// any moment for one that is in use. That user calls [`gc`], or the superuser
/// removes the file by hand.
///
/// # Errors
/// [`Os`](shm_core::ErrorKind::Os) if `/dev/shm` cannot be read.
#[cfg(feature = "shm")]
pub fn uncollected() -> Result<Vec<Uncollected>> {
    shm_posix::Posix::default().uncollected()
}

/// Removes the segments that killed processes left, and tells which they were.
///
/// One that anybody is attached to, in whatever container or PID namespace, is never removed, and
/// files that are none of ours are not touched. Each process does so by itself, once: for a quarter of
/// a millisecond with each named array that it makes, until it has looked at all of `/dev/shm`.
///
/// [`uncollected`] tells what stays, and why.
///
/// # Errors
/// [`Os`](shm_core::ErrorKind::Os) if `/dev/shm` cannot be read.
#[cfg(feature = "shm")]
pub fn gc() -> Result<Vec<Abandoned>> {
    shm_posix::Posix::default().collect()
}
