//! A file in memory with the input's bytes, which has a path.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, memfd_create};

/// A file without a name: its path leads to this process's descriptor.
pub struct MemoryFile {
    file: File,
    path: PathBuf,
}

impl MemoryFile {
    /// An empty one.
    pub fn new() -> Self {
        let file: File = memfd_create("input", MemfdFlags::CLOEXEC).unwrap().into();
        let path = format!("/proc/self/fd/{}", file.as_raw_fd()).into();
        Self { file, path }
    }

    /// Makes these bytes its contents, and gives its path.
    pub fn with(&self, bytes: &[u8]) -> &std::path::Path {
        self.file.set_len(0).unwrap();
        self.file.write_all_at(bytes, 0).unwrap();
        &self.path
    }
}

impl Default for MemoryFile {
    fn default() -> Self {
        Self::new()
    }
}
