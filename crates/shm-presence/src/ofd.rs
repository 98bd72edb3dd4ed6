//! Open file description locks: the only caller of `libc::fcntl`.
#![allow(unsafe_code)] // fcntl(2) with a `struct flock`.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use shm_core::{Error, ErrorKind, Result};

/// Far beyond any file's size, so no byte of data is spent; locks work there all the same.
const BASE: i64 = 1 << 62;

/// Bytes beyond the end of any file, and what they stand for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes {
    first: i64,
    count: i64,
}

impl Bytes {
    /// One, held shared by everybody who has the segment mapped.
    pub(crate) const PRESENCE: Self = Self { first: BASE, count: 1 };
    /// One, held exclusively by whoever changes what the segment's name means.
    pub(crate) const NAME: Self = Self { first: BASE + 1, count: 1 };
    /// Those two: one call gives both up.
    pub(crate) const PRESENCE_AND_NAME: Self = Self { first: BASE, count: 2 };

    /// One, held exclusively by the participant in a slot, where slot 0 is byte `first` of the slots'.
    pub(crate) fn slot(first: u64, slot: u32) -> Result<Self> {
        const START: i64 = BASE + 4096;
        let offset = first
            .checked_add(slot.into())
            .and_then(|place| START.checked_add_unsigned(place))
            .filter(|offset| *offset < i64::MAX); // where a byte would have no end
        offset.map(|first| Self { first, count: 1 }).ok_or_else(|| {
            let (limit, value) = ("lock bytes of a file", Some(START.abs_diff(i64::MAX)));
            ErrorKind::LimitReached { limit, value, hint: "there is no slot beyond them" }.into()
        })
    }
}

/// Takes a shared lock, unless somebody holds one exclusively. Needs an fd open for reading.
pub(crate) fn try_shared(fd: BorrowedFd<'_>, bytes: Bytes) -> Result<bool> {
    set(fd, bytes, libc::F_RDLCK)
}

/// Takes an exclusive lock, unless somebody holds one. Needs an fd open for writing.
pub(crate) fn try_exclusive(fd: BorrowedFd<'_>, bytes: Bytes) -> Result<bool> {
    set(fd, bytes, libc::F_WRLCK)
}

/// Gives them up, for every process that shares the description.
pub(crate) fn release(fd: BorrowedFd<'_>, bytes: Bytes) -> Result<()> {
    set(fd, bytes, libc::F_UNLCK).map(drop)
}

/// Whether another description holds one in any way; takes nothing.
pub(crate) fn is_held_elsewhere(fd: BorrowedFd<'_>, bytes: Bytes) -> Result<bool> {
    conflicts(fd, bytes, libc::F_WRLCK)
}

/// Whether another description holds one exclusively; takes nothing.
pub(crate) fn is_held_exclusively(fd: BorrowedFd<'_>, bytes: Bytes) -> Result<bool> {
    conflicts(fd, bytes, libc::F_RDLCK)
}

fn conflicts(fd: BorrowedFd<'_>, bytes: Bytes, kind: i32) -> Result<bool> {
    let mut request = request(bytes, kind);
    // SAFETY: the fd is open, as it is borrowed; F_OFD_GETLK takes a `struct flock` to read and
    // write, whose `l_pid` is zero as it must be.
    let code = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_OFD_GETLK, &raw mut request) };
    if code == -1 {
        return Err(failed("fcntl(F_OFD_GETLK)", io::Error::last_os_error()));
    }
    Ok(i32::from(request.l_type) != libc::F_UNLCK)
}

fn set(fd: BorrowedFd<'_>, bytes: Bytes, kind: i32) -> Result<bool> {
    let request = request(bytes, kind);
    // SAFETY: the fd is open, as it is borrowed; F_OFD_SETLK takes a `struct flock` to read, whose
    // `l_pid` is zero as it must be. It does not wait.
    if unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_OFD_SETLK, &raw const request) } == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EAGAIN | libc::EACCES) => Ok(false),
        _ => Err(failed("fcntl(F_OFD_SETLK)", error)),
    }
}

#[allow(clippy::cast_possible_truncation)] // F_RDLCK and the like are small numbers in a C short
fn request(bytes: Bytes, kind: i32) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: bytes.first,
        l_len: bytes.count,
        l_pid: 0,
    }
}

fn failed(call: &'static str, error: io::Error) -> Error {
    match error.raw_os_error() {
        Some(libc::ENOLCK) => ErrorKind::LimitReached {
            limit: "file locks",
            value: None,
            hint: "the kernel is out of memory for locks",
        }
        .into(),
        _ => Error::os(call, "a segment", error),
    }
}
