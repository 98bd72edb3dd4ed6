//! A description of one's own.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::path::DecInt;
use shm_core::{Access, Error, ErrorKind, Result};
use shm_map::system_error;

/// Opens the file behind a descriptor anew: a description with locks of its own.
///
/// A descriptor that came by fork, `exec` or a socket shares its description, and so its locks,
/// with the sender. See proc(5), `/proc/self/fd`.
///
/// # Errors
/// [`ErrorKind::AccessDenied`] if the file's mode does not allow that access (another user's
/// segment: its sender reopens it); [`ErrorKind::Path`] without `/proc`;
/// [`ErrorKind::LimitReached`]; [`ErrorKind::Os`].
pub fn reopen(fd: BorrowedFd<'_>, access: Access) -> Result<OwnedFd> {
    let (prefix, number) = (b"/proc/self/fd/", DecInt::new(fd.as_raw_fd()));
    let (mut path, len) = ([0; 32], number.as_bytes().len()); // longer than any: the rest is NUL
    path[..prefix.len()].copy_from_slice(prefix);
    path[prefix.len()..][..len].copy_from_slice(number.as_bytes());
    let path = CStr::from_bytes_until_nul(&path).unwrap_or_default();
    let mode = match access {
        Access::ReadWrite => OFlags::RDWR,
        Access::ReadOnly => OFlags::RDONLY,
    };
    let flags = mode | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    open(path, flags, Mode::empty()).map_err(|errno| refused(path, access, errno))
}

#[cold]
fn refused(path: &CStr, access: Access, errno: Errno) -> Error {
    let path = path.to_string_lossy().into_owned();
    match errno {
        Errno::ACCESS | Errno::PERM => ErrorKind::AccessDenied { object: path, access }.into(),
        Errno::NOENT => ErrorKind::Path {
            path: path.into(),
            reason: "not there; only with /proc mounted can a segment that was handed over be \
                     attached, or a slot be taken"
                .into(),
        }
        .into(),
        _ => system_error("open", path, errno),
    }
}
