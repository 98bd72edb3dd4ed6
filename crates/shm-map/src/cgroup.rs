//! The memory of a control group, in figures.

use std::fmt;

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
pub struct Cgroup {
    /// The kind of hierarchy.
    pub version: CgroupVersion,
    /// The limit in bytes; `None` if there is none, or none that can be read.
    pub limit: Option<u64>,
    /// Bytes in use, caches included, where that can be read.
    pub usage: Option<u64>,
    /// Bytes in use that the kernel can only swap out, not drop: of processes and of shared memory.
    /// Zero if there is no limit, or if it cannot be read.
    pub unreclaimable: u64,
    /// Bytes of swap that are left for the group. Zero if there is no limit.
    pub swap: u64,
}

impl Cgroup {
    /// Bytes below the limit that new pages can take, if there is a limit. The kernel kills a process that
    /// takes more, so the space check refuses a segment that needs more.
    pub fn free(&self) -> Option<u64> {
        let limit = self.limit?.saturating_add(self.swap);
        Some(limit.saturating_sub(self.unreclaimable))
    }
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
