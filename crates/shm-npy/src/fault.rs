//! Errors that several files of this crate have in common.

use std::io;
use std::path::Path;

use shm_core::{Error, ErrorKind};

/// Bytes of a file that contradict themselves.
pub(crate) fn corrupt(reason: impl Into<String>) -> Error {
    ErrorKind::Corrupt { what: "the .npy file", reason: reason.into() }.into()
}

/// A path that is not usable.
pub(crate) fn at(path: &Path, reason: impl Into<String>) -> Error {
    ErrorKind::Path { path: path.into(), reason: reason.into() }.into()
}

/// What the system said about a file.
pub(crate) fn os(call: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |error| Error::os(call, path.display().to_string(), error)
}

/// Names the file in what the system said of "a file".
pub(crate) fn name_file(path: &Path, error: Error) -> Error {
    let ErrorKind::Os { call, error: reason, .. } = error.kind() else { return error };
    match reason.raw_os_error() {
        Some(code) => os(call, path)(io::Error::from_raw_os_error(code)),
        None => error,
    }
}
