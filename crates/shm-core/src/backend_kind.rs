//! The backends' names, as users write them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An OS mechanism that segments are made with.
///
/// Users write `shm`, `mmap` and `memfd`; [`FromStr`](std::str::FromStr) ignores case and surrounding blanks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum BackendKind {
    /// Named shared memory: any process of the same user attaches by name (`shm`).
    Shm,
    /// Anonymous shared mappings: reached by forked descendants only (`mmap`).
    Mmap,
    /// Anonymous files, handed over by descriptor, which can be frozen (`memfd`).
    Memfd,
}

impl BackendKind {
    /// Every backend, in the order in which they are listed to users.
    pub const ALL: [Self; 3] = [Self::Shm, Self::Mmap, Self::Memfd];

    /// The name that users write.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shm => "shm",
            Self::Mmap => "mmap",
            Self::Memfd => "memfd",
        }
    }

    /// The cargo feature of `shmarray` that compiles it in.
    pub const fn feature(self) -> &'static str {
        match self {
            Self::Shm => "shm",
            Self::Mmap => "mmap",
            Self::Memfd => "memfd",
        }
    }
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
