//! What a system says of a file, as data.

use std::time::SystemTime;

/// Which file, whatever its name: no other one has these while a process has it open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// The device that it is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

/// What the system says of a file.
#[derive(Clone, Copy, Debug)]
pub struct FileStat {
    /// Which file it is.
    pub id: FileId,
    /// Its length in bytes.
    pub len: u64,
    /// The bytes of memory that it has.
    pub allocated: u64,
    /// The size of its pages in bytes.
    pub page_size: usize,
    /// The user id of its owner.
    pub owner: u32,
    /// When a system call last wrote to it, usually when it was made.
    pub modified: SystemTime,
    /// Whether it still has a name.
    pub has_name: bool,
}
