//! A file's length, the memory behind it, and its bytes.

use std::io;
use std::mem::MaybeUninit;

use rustix::fs::{FallocateFlags, SeekFrom, fallocate, fstat, fstatvfs, ftruncate, seek, sendfile};
use rustix::io::{Errno, pread, pwrite, retry_on_intr};

use crate::os::BorrowedFile;

/// Gives a file its length. See ftruncate(2).
pub(crate) fn set_len(file: BorrowedFile<'_>, len: u64) -> io::Result<()> {
    Ok(retry_on_intr(|| ftruncate(file, len))?)
}

/// Reserves memory for bytes of a file, which becomes that long. See fallocate(2).
pub(crate) fn allocate(file: BorrowedFile<'_>, start: u64, len: u64) -> io::Result<()> {
    Ok(retry_on_intr(|| fallocate(file, FallocateFlags::empty(), start, len))?)
}

/// Gives the memory of bytes of a file back. See fallocate(2).
pub(crate) fn punch(file: BorrowedFile<'_>, start: u64, len: u64) -> io::Result<()> {
    let flags = FallocateFlags::PUNCH_HOLE.union(FallocateFlags::KEEP_SIZE);
    Ok(retry_on_intr(|| fallocate(file, flags, start, len))?)
}

/// Reads into `to`, and tells how many bytes there were.
pub(crate) fn read_at(file: BorrowedFile<'_>, to: &mut [u8], at: u64) -> io::Result<usize> {
    Ok(retry_on_intr(|| pread(file, &mut *to, at))?)
}

/// Reads the first bytes of a file; none if it has fewer.
pub(crate) fn read_start<'a>(
    file: BorrowedFile<'_>,
    space: &'a mut [MaybeUninit<u8>],
) -> Option<&'a [u8]> {
    match pread(file, space, 0) {
        Ok((bytes, [])) => Some(bytes),
        _ => None,
    }
}

/// Writes bytes, and tells how many.
pub(crate) fn write_at(file: BorrowedFile<'_>, bytes: &[u8], at: u64) -> io::Result<usize> {
    Ok(retry_on_intr(|| pwrite(file, bytes, at))?)
}

/// Copies from one file to another within the kernel, and tells how many bytes; none where the
/// kernel cannot between these two. See sendfile(2).
pub(crate) fn send(
    to: BorrowedFile<'_>,
    at: u64,
    from: BorrowedFile<'_>,
    mut offset: u64,
    len: usize,
) -> io::Result<Option<usize>> {
    seek(to, SeekFrom::Start(at))?;
    match retry_on_intr(|| sendfile(to, from, Some(&mut offset), len)) {
        Ok(count) => Ok(Some(count)),
        // sendfile(2): "Applications may wish to fall back to read and write".
        Err(Errno::INVAL | Errno::NOSYS) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// A file's length in bytes.
pub(crate) fn len(file: BorrowedFile<'_>) -> io::Result<u64> {
    Ok(fstat(file)?.st_size.cast_unsigned())
}

/// Bytes of memory that a file has.
pub(crate) fn allocated(file: BorrowedFile<'_>) -> u64 {
    fstat(file).map_or(0, |stat| stat.st_blocks.cast_unsigned() * 512)
}

/// Bytes that a file's file system has left; none if it has no limit of its own.
pub(crate) fn file_system_free(file: BorrowedFile<'_>) -> Option<u64> {
    let stat = fstatvfs(file).ok().filter(|stat| stat.f_blocks > 0)?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Whether a file was refused memory or space.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(errno(error), Some(Errno::NOSPC | Errno::NOMEM | Errno::DQUOT))
}

/// Whether it was a quota that refused space to a file.
pub(crate) fn is_quota(error: &io::Error) -> bool {
    errno(error) == Some(Errno::DQUOT)
}

/// Whether the file system, or a filter of system calls, does not know such a call.
pub(crate) fn is_missing(error: &io::Error) -> bool {
    matches!(errno(error), Some(Errno::NOSYS | Errno::OPNOTSUPP))
}

/// Whether there was no memory for a page where bytes were to go: a first touch would have been SIGBUS.
pub(crate) fn is_page_refused(error: &io::Error) -> bool {
    matches!(errno(error), Some(Errno::FAULT | Errno::NOMEM))
}

/// Whether this kernel cannot do what it was asked for.
pub(crate) fn is_unsupported(error: &io::Error) -> bool {
    errno(error) == Some(Errno::INVAL)
}

fn errno(error: &io::Error) -> Option<Errno> {
    Errno::from_io_error(error)
}
