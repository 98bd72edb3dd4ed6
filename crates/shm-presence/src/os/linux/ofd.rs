//! Open file description locks: the only caller of `libc::fcntl`.
#![allow(unsafe_code)] // fcntl(2) with a `struct flock`.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use shm_core::{Error, ErrorKind, Result};

use crate::bytes::Bytes;

/// Takes a shared lock, unless another description holds one exclusively. Needs a file open for reading.
pub(crate) fn try_shared(file: &File, bytes: Bytes) -> Result<bool> {
    set(file, bytes, libc::F_RDLCK)
}

/// Takes an exclusive lock, unless another description holds one. Needs a file open for writing.
pub(crate) fn try_exclusive(file: &File, bytes: Bytes) -> Result<bool> {
    set(file, bytes, libc::F_WRLCK)
}

/// Gives them up, for every process that shares the description.
pub(crate) fn release(file: &File, bytes: Bytes) -> Result<()> {
    set(file, bytes, libc::F_UNLCK).map(drop)
}

/// Whether another description holds one in any way; takes nothing.
pub(crate) fn is_held_elsewhere(file: &File, bytes: Bytes) -> Result<bool> {
    conflicts(file, bytes, libc::F_WRLCK)
}

/// Whether another description holds one exclusively; takes nothing.
pub(crate) fn is_held_exclusively(file: &File, bytes: Bytes) -> Result<bool> {
    conflicts(file, bytes, libc::F_RDLCK)
}

fn conflicts(file: &File, bytes: Bytes, kind: i32) -> Result<bool> {
    let mut request = request(bytes, kind);
    // SAFETY: the file is open, as it is borrowed; F_OFD_GETLK takes a `struct flock` to read and
    // write, whose `l_pid` is zero as it must be.
    let code = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut request) };
    if code == -1 {
        return Err(failed("fcntl(F_OFD_GETLK)", io::Error::last_os_error()));
    }
    Ok(i32::from(request.l_type) != libc::F_UNLCK)
}

fn set(file: &File, bytes: Bytes, kind: i32) -> Result<bool> {
    let request = request(bytes, kind);
    // SAFETY: the file is open, as it is borrowed; F_OFD_SETLK takes a `struct flock` to read, whose
    // `l_pid` is zero as it must be. It does not wait.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const request) } == 0 {
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
