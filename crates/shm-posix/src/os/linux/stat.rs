//! What the kernel says of an open file, and its first bytes.

use std::fs::File;

use rustix::fs::Stat;
use rustix::io::{pread, retry_on_intr};
use shm_core::Result;
use shm_map::{FileStat, system_error};

/// The file as it is at this moment. See fstat(2).
pub(crate) fn stat(file: &File, object: impl Fn() -> String) -> Result<FileStat> {
    Ok(FileStat::from(&fstat(file, object)?))
}

/// The same, with what only this system has.
pub(super) fn fstat(file: &File, object: impl Fn() -> String) -> Result<Stat> {
    rustix::fs::fstat(file).map_err(|errno| system_error("fstat", object(), errno))
}

/// Reads the first bytes of a file, and tells how many there are.
pub(crate) fn read_start(
    file: &File,
    bytes: &mut [u8],
    object: impl Fn() -> String,
) -> Result<usize> {
    retry_on_intr(|| pread(file, &mut *bytes, 0))
        .map_err(|errno| system_error("pread", object(), errno))
}
