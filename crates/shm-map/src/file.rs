//! The file behind a mapping: its size, the memory set aside for it, and its header.

use std::os::fd::BorrowedFd;

use rustix::fs::{FallocateFlags, fallocate, fstatvfs, ftruncate};
use rustix::io::{Errno, pread, pwrite, retry_on_intr};
use rustix::process::{Resource, getrlimit};
use shm_core::{Error, ErrorKind, Header, Result};

use crate::system_error;

/// What is set aside at once: a long `fallocate` is undone by each signal and would never end.
const CHUNK: u64 = 16 << 20;

/// Gives a file its size in bytes, without setting memory aside. See ftruncate(2).
///
/// # Errors
/// [`ErrorKind::LimitReached`] beyond `RLIMIT_FSIZE`, [`ErrorKind::NoSpace`],
/// [`ErrorKind::Os`].
pub fn set_len(fd: BorrowedFd<'_>, len: u64) -> Result<()> {
    check_file_size(len)?;
    retry_on_intr(|| ftruncate(fd, len)).map_err(|errno| file_error("ftruncate", fd, len, errno))
}

/// Gives a file its size in bytes and sets the memory aside. See fallocate(2).
///
/// # Errors
/// [`ErrorKind::NoSpace`] with what is needed and what is free; [`ErrorKind::LimitReached`]
/// beyond `RLIMIT_FSIZE`; [`ErrorKind::Os`].
pub fn reserve(fd: BorrowedFd<'_>, len: u64) -> Result<()> {
    check_file_size(len)?;
    // One call would refuse at once what can never fit; chunks would fill the machine first.
    if len > CHUNK && free_space(fd).is_some_and(|free| free < len) {
        return Err(no_space(Some(fd), len));
    }
    let mut at = 0;
    while at < len {
        let chunk = CHUNK.min(len - at);
        retry_on_intr(|| fallocate(fd, FallocateFlags::empty(), at, chunk))
            .map_err(|errno| file_error("fallocate", fd, len, errno))?;
        at += chunk;
    }
    Ok(())
}

/// Beyond `RLIMIT_FSIZE` the kernel sends SIGXFSZ, which kills: so it is not asked.
fn check_file_size(len: u64) -> Result<()> {
    match getrlimit(Resource::Fsize).current {
        Some(most) if most < len => Err(system_error("ftruncate", "", Errno::FBIG)),
        _ => Ok(()),
    }
}

/// Writes a header at the start of a new segment.
///
/// # Errors
/// [`ErrorKind::NoSpace`], [`ErrorKind::Os`].
pub fn write_header(fd: BorrowedFd<'_>, header: &Header) -> Result<()> {
    let bytes = header.encode();
    let mut at = 0;
    while at < bytes.len() {
        at += retry_on_intr(|| pwrite(fd, &bytes[at..], at as u64))
            .map_err(|errno| file_error("pwrite", fd, header.segment_len(), errno))?;
    }
    Ok(())
}

/// Reads and checks the header of a segment of `actual_len` bytes.
///
/// # Errors
/// Those of [`Header::decode`]; [`ErrorKind::Os`].
pub fn read_header(fd: BorrowedFd<'_>, actual_len: u64) -> Result<Header> {
    let mut first = [0; Header::FIRST_READ];
    let has = read_at_start(fd, &mut first)?;
    let needs = Header::needed(&first[..has])?;
    if needs <= has {
        return Header::decode(&first[..has], actual_len);
    }
    let mut all = vec![0; needs];
    let has = read_at_start(fd, &mut all)?;
    Header::decode(&all[..has], actual_len)
}

fn read_at_start(fd: BorrowedFd<'_>, bytes: &mut [u8]) -> Result<usize> {
    let mut at = 0;
    while at < bytes.len() {
        match retry_on_intr(|| pread(fd, &mut bytes[at..], at as u64)) {
            Ok(0) => break,
            Ok(count) => at += count,
            Err(errno) => return Err(system_error("pread", "the header of a segment", errno)),
        }
    }
    Ok(at)
}

fn file_error(call: &'static str, fd: BorrowedFd<'_>, needs: u64, errno: Errno) -> Error {
    match errno {
        Errno::NOSPC | Errno::NOMEM | Errno::DQUOT => no_space(Some(fd), needs),
        _ => system_error(call, format!("a segment of {needs} bytes"), errno),
    }
}

/// Bytes free on the file's file system, where it has a size at all.
pub(crate) fn free_space(fd: BorrowedFd<'_>) -> Option<u64> {
    let fs = fstatvfs(fd).ok().filter(|fs| fs.f_blocks > 0)?;
    Some(fs.f_bavail.saturating_mul(fs.f_frsize))
}

/// No space, with what is free where that can be told.
pub(crate) fn no_space(fd: Option<BorrowedFd<'_>>, needs: u64) -> Error {
    let free = fd.and_then(free_space);
    let place = if free.is_some() {
        "the shared-memory file system"
    } else {
        "this machine"
    };
    ErrorKind::NoSpace {
        needs,
        has: free,
        place: place.into(),
    }
    .into()
}
