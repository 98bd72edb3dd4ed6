//! The file behind a mapping: its size and its bytes.

use std::io;
use std::ops::Range;

use shm_core::{Error, ErrorKind, Result};

use crate::os::{self, BorrowedFile, system_error};
use crate::space::no_space;

/// Gives a file its size in bytes, without reserving memory. See ftruncate(2).
///
/// # Errors
/// [`ErrorKind::LimitReached`] beyond `RLIMIT_FSIZE`, [`ErrorKind::NoSpace`],
/// [`ErrorKind::Os`].
pub fn set_len(file: BorrowedFile<'_>, len: u64) -> Result<()> {
    check_file_size(len)?;
    os::set_len(file, len).map_err(|error| file_error("ftruncate", file, len, error))
}

/// Gives the memory of some of a file's bytes back, which are zero from then on; its length stays. See
/// fallocate(2), `FALLOC_FL_PUNCH_HOLE`.
///
/// # Errors
/// [`ErrorKind::Os`].
pub fn discard(file: BorrowedFile<'_>, part: Range<u64>) -> Result<()> {
    let object = || format!("bytes {part:?} of a segment");
    os::punch(file, part.start, part.end.saturating_sub(part.start))
        .map_err(|error| system_error("fallocate", object(), error))
}

/// Refuses a file beyond `RLIMIT_FSIZE` without asking the kernel, which would send SIGXFSZ: that kills.
pub(crate) fn check_file_size(len: u64) -> Result<()> {
    match os::file_size_limit() {
        Some(value) if value < len => {
            let (limit, hint) = ("RLIMIT_FSIZE", "raise it with `ulimit -f`");
            Err(ErrorKind::LimitReached { limit, value: Some(value), hint }.into())
        }
        _ => Ok(()),
    }
}

/// Writes all of these bytes to a new segment of `needs` bytes.
pub(crate) fn write_all_at(
    file: BorrowedFile<'_>,
    mut bytes: &[u8],
    mut at: u64,
    needs: u64,
) -> Result<()> {
    while !bytes.is_empty() {
        let written = os::write_at(file, bytes, at)
            .map_err(|error| file_error("pwrite", file, needs, error))?;
        bytes = &bytes[written..];
        at += written as u64;
    }
    Ok(())
}

/// The error of a call on the file of a segment of `needs` bytes.
pub(crate) fn file_error(
    call: &'static str,
    file: BorrowedFile<'_>,
    needs: u64,
    error: io::Error,
) -> Error {
    if os::is_full(&error) {
        no_space(Some(file), needs, &error)
    } else {
        system_error(call, format!("a segment of {needs} bytes"), error)
    }
}
