//! A system that has no such locks yet: nothing can be attached, and no process is ever forked.

use std::fs::File;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shm_core::{Access, Error, Result};

use crate::bytes::Bytes;

pub(crate) fn try_shared(_: &File, _: Bytes) -> Result<bool> {
    unsupported()
}

pub(crate) fn try_exclusive(_: &File, _: Bytes) -> Result<bool> {
    unsupported()
}

pub(crate) fn release(_: &File, _: Bytes) -> Result<()> {
    unsupported()
}

pub(crate) fn is_held_elsewhere(_: &File, _: Bytes) -> Result<bool> {
    unsupported()
}

pub(crate) fn is_held_exclusively(_: &File, _: Bytes) -> Result<bool> {
    unsupported()
}

/// Opens a file afresh.
///
/// # Errors
/// [`Os`](shm_core::ErrorKind::Os): not on this system.
pub fn reopen(_: &File, _: Access) -> Result<File> {
    Err(Error::os("open", "a segment", io::ErrorKind::Unsupported.into()))
}

/// Whether two descriptors lead to one file.
///
/// # Errors
/// [`ErrorKind::Os`](shm_core::ErrorKind::Os): there are no locks to take through either.
pub fn is_same_file(_: &File, _: &File) -> Result<bool> {
    unsupported()
}

fn unsupported<T>() -> Result<T> {
    Err(Error::os("locking bytes of a file", "a segment", io::ErrorKind::Unsupported.into()))
}

pub(crate) fn generation() -> u64 {
    1
}

pub(crate) fn count() -> u64 {
    0
}

pub(crate) fn pid() -> u32 {
    std::process::id()
}

pub(crate) fn keep_forks_out() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nothing is called: without attachments there is nothing to leave.
pub(crate) fn at_exit(_: extern "C" fn()) {}

pub(crate) fn since_1970() -> Duration {
    std::time::UNIX_EPOCH.elapsed().unwrap_or_default()
}

pub(crate) fn sleep(nanoseconds: u32) {
    std::thread::park_timeout(Duration::from_nanos(nanoseconds.into()));
}
