//! A file's length and memory, through shm-map.

use std::fs::File;
use std::ops::Range;

use shm_core::{Access, Result};
use shm_map::Mapping;

/// Gives a file a length in bytes. It fails where the file would become shorter and is sealed against
/// that.
pub(crate) fn set_len(file: &File, len: u64) -> Result<()> {
    shm_map::set_len(file, len)
}

/// Gives the memory of some bytes back, which are zero from then on.
pub(crate) fn discard(file: &File, part: Range<u64>) -> Result<()> {
    shm_map::discard(file, part)
}

/// Maps so many bytes for writing, of a file that may be shorter.
pub(crate) fn map(file: &File, len: usize) -> Result<Mapping> {
    Mapping::file(file, len, Access::ReadWrite)
}
