//! What a look into another process gives, as data.

use shm_core::Error;
use shm_map::FileId;

/// Why this process cannot look into another one.
#[allow(dead_code)] // some systems let no process look into another, for one reason only
#[derive(Debug)]
pub(crate) enum ProcessError {
    /// The other process has ended.
    Ended,
    /// This user may not look into it.
    Denied,
    /// The system fails this process; the other one has nothing to do with it.
    Failed(Error),
}

/// A file descriptor of a process, whose file may be a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessFd {
    pub(crate) fd: u32,
    pub(crate) id: FileId,
    pub(crate) has_name: bool,
}
