//! Presence, and the lock on what a name means.

use std::fs::File;

use shm_core::Result;

use crate::bytes::Bytes;
use crate::os;
use crate::wait::wait_until;

/// Becomes present in a segment, through the description that it is mapped with.
///
/// It waits for a process that is making sure at this moment that nobody is present.
///
/// # Errors
/// [`Busy`](shm_core::ErrorKind::Busy) if that process does not finish;
/// [`LimitReached`](shm_core::ErrorKind::LimitReached), [`Os`](shm_core::ErrorKind::Os).
pub fn join(file: &File) -> Result<()> {
    wait_until(
        || "a segment".into(),
        "a process that checks whether anybody is attached",
        || try_join(file),
    )
}

/// Becomes present, or tells that a process is making sure at this moment that nobody is.
///
/// # Errors
/// [`LimitReached`](shm_core::ErrorKind::LimitReached), [`Os`](shm_core::ErrorKind::Os).
pub fn try_join(file: &File) -> Result<bool> {
    os::try_shared(file, Bytes::PRESENCE)
}

/// Gives presence up, shared or exclusive, and the name if it is [locked](lock_name): also where a
/// forked child shares the description. Whoever was alone lets the others join again, whatever was
/// forked meanwhile.
///
/// # Errors
/// [`Os`](shm_core::ErrorKind::Os).
pub fn leave(file: &File) -> Result<()> {
    os::release(file, Bytes::PRESENCE_AND_NAME)
}

/// Becomes the only one present, or tells that somebody else is.
///
/// `file`, open for writing, is of a description that is not present itself: two that are, and ask at
/// the same time, would both see the other. Nobody can join until it leaves or is closed.
///
/// # Errors
/// [`LimitReached`](shm_core::ErrorKind::LimitReached), [`Os`](shm_core::ErrorKind::Os).
pub fn try_alone(file: &File) -> Result<bool> {
    os::try_exclusive(file, Bytes::PRESENCE)
}

/// Whether anybody is present through another description than this one.
///
/// # Errors
/// [`Os`](shm_core::ErrorKind::Os).
pub fn ask_others(file: &File) -> Result<bool> {
    os::is_held_elsewhere(file, Bytes::PRESENCE)
}

/// Whether somebody is making sure at this moment that nobody is present, and keeps others from
/// joining.
///
/// # Errors
/// [`Os`](shm_core::ErrorKind::Os).
pub fn is_being_asked(file: &File) -> Result<bool> {
    os::is_held_exclusively(file, Bytes::PRESENCE)
}

/// Whether somebody is changing at this moment what the segment's name means.
///
/// # Errors
/// [`Os`](shm_core::ErrorKind::Os).
pub fn is_name_locked(file: &File) -> Result<bool> {
    os::is_held_elsewhere(file, Bytes::NAME)
}

/// Locks what the segment's name means, as [`lock_name`], or tells that somebody else has.
///
/// # Errors
/// [`LimitReached`](shm_core::ErrorKind::LimitReached), [`Os`](shm_core::ErrorKind::Os).
pub fn try_lock_name(file: &File) -> Result<bool> {
    os::try_exclusive(file, Bytes::NAME)
}

/// Locks what the segment's name means, until [`unlock_name`]; `file` is open for writing.
///
/// Whoever removes or replaces a name does this first, then looks again where the name leads, and
/// only then acts. It waits for somebody else who does so.
///
/// # Errors
/// [`Busy`](shm_core::ErrorKind::Busy) if that process does not finish;
/// [`LimitReached`](shm_core::ErrorKind::LimitReached), [`Os`](shm_core::ErrorKind::Os).
pub fn lock_name(file: &File) -> Result<()> {
    wait_until(
        || "the name of a segment".into(),
        "a process that removes or replaces it",
        || try_lock_name(file),
    )
}

/// Unlocks the name, also where a forked child shares the description.
///
/// # Errors
/// [`Os`](shm_core::ErrorKind::Os).
pub fn unlock_name(file: &File) -> Result<()> {
    os::release(file, Bytes::NAME)
}
