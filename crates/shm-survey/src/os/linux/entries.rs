//! The directory `/dev/shm`, and which files belong to which backend.

use std::ffi::OsString;
use std::io;

use rustix::io::Errno;
use shm_core::{BackendKind, Error, Result};
use shm_map::{SHM_DIRECTORY, system_error};

/// The names of all entries; none if there is no such directory.
///
/// # Errors
/// [`Os`](shm_core::ErrorKind::Os); [`LimitReached`](shm_core::ErrorKind::LimitReached).
pub(crate) fn entries() -> Result<Vec<OsString>> {
    let failed = |error| unreadable(SHM_DIRECTORY, error);
    match std::fs::read_dir(SHM_DIRECTORY) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => {
            entries.map_err(failed)?.map(|entry| Ok(entry.map_err(failed)?.file_name())).collect()
        }
    }
}

/// The device that all entries are on; `None` if there is no such directory.
///
/// # Errors
/// [`Os`](shm_core::ErrorKind::Os).
pub(crate) fn entries_device() -> Result<Option<u64>> {
    match rustix::fs::stat(SHM_DIRECTORY) {
        Ok(directory) => Ok(Some(directory.st_dev)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(system_error("stat", SHM_DIRECTORY, errno)),
    }
}

/// The backend that a file can be of, by the target of a link in `/proc/PID/fd`, or the path in
/// `/proc/PID/maps`.
pub(super) fn backend_of(target: &[u8]) -> Option<BackendKind> {
    if target.starts_with(b"/memfd:") {
        Some(BackendKind::Memfd)
    } else {
        let below = target.strip_prefix(SHM_DIRECTORY.as_bytes())?;
        below.starts_with(b"/").then_some(BackendKind::Shm)
    }
}

/// The error for a folder or file that cannot be read.
pub(super) fn unreadable(object: &str, error: io::Error) -> Error {
    match Errno::from_io_error(&error) {
        Some(errno) => system_error("open", object, errno),
        None => Error::os("open", object, error),
    }
}
