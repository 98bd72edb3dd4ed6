//! Figures of memory that bound an array: the space behind `shm`, and the control group.

use std::fmt;

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

/// Which kind of control group a memory limit comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CgroupVersion {
    /// One hierarchy per controller.
    V1,
    /// The unified hierarchy.
    V2,
}

/// The memory of a control group (see cgroups(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cgroup {
    /// The kind of hierarchy.
    pub version: CgroupVersion,
    /// The limit in bytes; `None` if there is none, or none that can be read.
    pub limit: Option<u64>,
    /// Bytes in use, caches included, where that can be read.
    pub usage: Option<u64>,
}

impl fmt::Display for Cgroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = match self.version {
            CgroupVersion::V1 => "v1",
            CgroupVersion::V2 => "v2",
        };
        write!(f, "cgroup {version} memory: ")?;
        match self.usage {
            Some(usage) => write!(f, "{usage} bytes used, ")?,
            None => f.write_str("usage unknown, ")?,
        }
        match self.limit {
            Some(limit) => write!(f, "limit {limit}"),
            None => f.write_str("no limit"),
        }
    }
}
