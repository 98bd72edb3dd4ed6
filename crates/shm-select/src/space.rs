//! The space behind `shm`, in figures.

/// The space behind `shm`: on Linux, the file system on `/dev/shm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Space {
    /// A file system of fixed size.
    Limited {
        /// Bytes that this user can still take.
        free: u64,
        /// Bytes in all.
        total: u64,
    },
    /// A file system without a size of its own: it reports zero blocks.
    Unlimited,
    /// Not known: this system has no such file system, or the file system does not answer.
    Unmeasured,
}

impl Space {
    /// Bytes free, if there is a limit.
    pub const fn free(self) -> Option<u64> {
        match self {
            Self::Limited { free, .. } => Some(free),
            Self::Unlimited | Self::Unmeasured => None,
        }
    }
}
