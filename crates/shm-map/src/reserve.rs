//! Memory that is reserved for a file.

use std::ops::Range;

use shm_core::{Access, Result};

use crate::file::{check_file_size, file_error, set_len};
use crate::mapping::Mapping;
use crate::os::{self, BorrowedFile, system_error};
use crate::space::check_room;

/// What is reserved at once: a signal undoes a whole `fallocate(2)`, so a long one might never end.
const CHUNK: u64 = 16 << 20;

/// Gives a file its size in bytes and reserves the memory. See fallocate(2).
///
/// # Errors
/// [`NoSpace`](shm_core::ErrorKind::NoSpace) with what is needed and what is free;
/// [`LimitReached`](shm_core::ErrorKind::LimitReached) beyond `RLIMIT_FSIZE`;
/// [`Os`](shm_core::ErrorKind::Os).
pub fn reserve(file: BorrowedFile<'_>, len: u64) -> Result<()> {
    check_file_size(len)?;
    reserve_within(file, 0..len)
}

/// Reserves the memory of some of the bytes that a file has. Where the file system does not know
/// `fallocate(2)`, as ramfs does not, the pages are populated through a mapping instead
/// (`MADV_POPULATE_WRITE`, Linux 5.14): that changes no byte either.
///
/// # Errors
/// [`NoSpace`](shm_core::ErrorKind::NoSpace) with what is needed and what is free;
/// [`Os`](shm_core::ErrorKind::Os).
pub fn reserve_within(file: BorrowedFile<'_>, mut part: Range<u64>) -> Result<()> {
    if part.is_empty() {
        return Ok(());
    }
    check_room(Some(file), part.end)?;
    while !part.is_empty() {
        let chunk = CHUNK.min(part.end - part.start);
        match os::allocate(file, part.start, chunk) {
            Ok(()) => part.start += chunk,
            Err(error) if os::is_missing(&error) => return populate(file, part),
            Err(error) => return Err(file_error("fallocate", file, part.end, error)),
        }
    }
    Ok(())
}

/// Populates a part of a file, which becomes that long.
fn populate(file: BorrowedFile<'_>, part: Range<u64>) -> Result<()> {
    tracing::debug!(?part, "no fallocate: pages are populated through a mapping");
    let to_bytes = |at| usize::try_from(at).unwrap_or(usize::MAX);
    if os::len(file).map_err(|error| system_error("fstat", "a segment", error))? < part.end {
        set_len(file, part.end)?;
    }
    let mapping = Mapping::file(file, to_bytes(part.end), Access::ReadWrite)?;
    mapping.populate_within(file, to_bytes(part.start)..to_bytes(part.end))
}
