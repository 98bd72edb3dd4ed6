//! A file that may be a segment: what the kernel says of it, and the open file.

use std::fs::File;

use shm_core::BackendKind;
use shm_map::FileStat;

/// A regular file, open for reading, that may be a segment.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) file: File,
    pub(crate) backend: BackendKind,
    pub(crate) stat: FileStat,
}
