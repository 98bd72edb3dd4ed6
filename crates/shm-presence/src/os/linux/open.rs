//! Opening a segment's file: by path, or afresh by a descriptor of it.

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::{Mode, OFlags, fstat};
use rustix::io::Errno;
use rustix::path::{Arg, DecInt};
use shm_core::{Access, Error, ErrorKind, Result};
use shm_map::system_error;

/// Opens what a path leads to for that access. It becomes neither a program's by `exec` nor the
/// terminal of this process, and a FIFO's other end is not waited for. See open(2).
///
/// # Errors
/// What the kernel says.
pub fn open(path: impl Arg, access: Access, more: OFlags) -> Result<File, Errno> {
    let mode = match access {
        Access::ReadWrite => OFlags::RDWR,
        Access::ReadOnly => OFlags::RDONLY,
    };
    let flags = mode | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | more;
    rustix::fs::open(path, flags, Mode::empty()).map(File::from)
}

/// Opens a file afresh by a descriptor of it: a description with locks of its own.
///
/// A descriptor that came by fork, `exec` or a socket shares its description, and so its locks,
/// with the sender. See proc(5), `/proc/self/fd`.
///
/// # Errors
/// [`ErrorKind::AccessDenied`] if the file's mode does not allow that access (another user's
/// segment: its sender reopens it); [`ErrorKind::Path`] without `/proc`;
/// [`ErrorKind::LimitReached`]; [`ErrorKind::Os`].
pub fn reopen(file: impl AsFd, access: Access) -> Result<File> {
    let number = file.as_fd().as_raw_fd();
    let (prefix, number) = (b"/proc/self/fd/", DecInt::new(number));
    let (mut path, len) = ([0; 32], number.as_bytes().len()); // longer than any: the rest is NUL
    path[..prefix.len()].copy_from_slice(prefix);
    path[prefix.len()..][..len].copy_from_slice(number.as_bytes());
    let path = CStr::from_bytes_until_nul(&path).unwrap_or_default();
    open(path, access, OFlags::empty()).map_err(|errno| refused(path, access, errno))
}

/// Whether two descriptors lead to one file, as fstat(2) tells.
///
/// # Errors
/// [`ErrorKind::Os`].
pub fn is_same_file(one: impl AsFd, other: impl AsFd) -> Result<bool> {
    let fail = |errno| system_error("fstat", "the file of a segment", errno);
    let (one, other) = (fstat(one).map_err(fail)?, fstat(other).map_err(fail)?);
    Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
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
