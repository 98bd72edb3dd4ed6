//! Open file description locks: the only caller of `libc::fcntl`.
#![allow(unsafe_code)] // fcntl(2) with a `struct flock`.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use shm_core::{Error, ErrorKind, Result};

/// Which byte, beyond the end of any file, stands for what.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Byte {
    /// Held shared by everybody who has the segment mapped.
    Presence,
    /// Held exclusively by whoever changes what the segment's name means.
    Name,
    /// Held exclusively by the participant in that slot.
    Slot(u32),
}

impl Byte {
    /// Far beyond any file's size, so no byte of data is spent; locks work there all the same.
    const BASE: i64 = 1 << 62;

    fn offset(self) -> i64 {
        Self::BASE
            + match self {
                Self::Presence => 0,
                Self::Name => 1,
                Self::Slot(slot) => 4096 + i64::from(slot),
            }
    }
}

/// Takes a shared lock, unless somebody holds the byte exclusively. Needs an fd open for reading.
pub(crate) fn try_shared(fd: BorrowedFd<'_>, byte: Byte) -> Result<bool> {
    set(fd, byte, libc::F_RDLCK)
}

/// Takes an exclusive lock, unless somebody holds the byte. Needs an fd open for writing.
pub(crate) fn try_exclusive(fd: BorrowedFd<'_>, byte: Byte) -> Result<bool> {
    set(fd, byte, libc::F_WRLCK)
}

/// Gives a byte up, for every process that shares the description.
pub(crate) fn release(fd: BorrowedFd<'_>, byte: Byte) -> Result<()> {
    set(fd, byte, libc::F_UNLCK).map(drop)
}

/// Whether another description holds the byte in any way; takes nothing.
pub(crate) fn is_held_elsewhere(fd: BorrowedFd<'_>, byte: Byte) -> Result<bool> {
    let mut request = request(byte, libc::F_WRLCK);
    // SAFETY: the fd is open, as it is borrowed; F_OFD_GETLK takes a `struct flock` to read and
    // write, whose `l_pid` is zero as it must be.
    let code = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_OFD_GETLK, &raw mut request) };
    if code == -1 {
        return Err(failed(io::Error::last_os_error()));
    }
    Ok(i32::from(request.l_type) != libc::F_UNLCK)
}

fn set(fd: BorrowedFd<'_>, byte: Byte, kind: i32) -> Result<bool> {
    let request = request(byte, kind);
    // SAFETY: the fd is open, as it is borrowed; F_OFD_SETLK takes a `struct flock` to read, whose
    // `l_pid` is zero as it must be. It does not wait.
    if unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_OFD_SETLK, &raw const request) } == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EAGAIN | libc::EACCES) => Ok(false),
        _ => Err(failed(error)),
    }
}

#[allow(clippy::cast_possible_truncation)] // F_RDLCK and the like are small numbers in a C short
fn request(byte: Byte, kind: i32) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte.offset(),
        l_len: 1,
        l_pid: 0,
    }
}

fn failed(error: io::Error) -> Error {
    match error.raw_os_error() {
        Some(libc::ENOLCK) => ErrorKind::LimitReached {
            limit: "file locks",
            value: None,
            hint: "the kernel is out of memory for locks",
        }
        .into(),
        _ => Error::os("fcntl(F_OFD_SETLK)", "a segment", error),
    }
}
