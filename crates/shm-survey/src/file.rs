//! A file that may be a segment, as data: which file, what the kernel says of it, and the open file.

use std::fs::File;
use std::time::SystemTime;

use shm_core::BackendKind;

/// Which file, whatever its name: device and inode.
pub(crate) type FileId = (u64, u64);

/// What the kernel says of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileStat {
    pub(crate) id: FileId,
    pub(crate) len: u64,
    pub(crate) allocated: u64,
    pub(crate) owner: u32,
    pub(crate) modified: SystemTime,
    pub(crate) has_name: bool,
}

/// A regular file, open for reading, that may be a segment.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) file: File,
    pub(crate) backend: BackendKind,
    pub(crate) stat: FileStat,
}
