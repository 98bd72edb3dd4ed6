//! The machine as data: what a choice rests on.

use std::fmt;

use shm_core::BackendKind;

/// What is known about this machine and this build.
///
/// [`probe`](crate::probe()) reads it; tests make it up, so that every choice can be tried on any
/// machine. Figures that decide nothing are kept for the explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The operating system, as in [`std::env::consts::OS`].
    pub os: &'static str,
    /// Whether each backend can be used. One that is not listed is not compiled in.
    pub backends: Vec<(BackendKind, Availability)>,
    /// The space behind `shm` when the process resolved its choice.
    pub shm: Space,
    /// The space behind `shm` when it was last measured: what an array has to fit in.
    pub shm_now: Space,
    /// `vm.overcommit_memory` (0, 1 or 2; see proc(5)), where it can be read.
    pub overcommit: Option<u8>,
    /// The tightest memory limit of this process's cgroup, where it can be read.
    ///
    /// It counts for every backend alike, and its usage includes caches that the kernel would
    /// give up. So it explains, and decides nothing.
    pub cgroup: Option<Cgroup>,
}

impl Facts {
    /// Whether a backend can be used.
    pub fn availability(&self, backend: BackendKind) -> &Availability {
        self.backends
            .iter()
            .find(|(listed, _)| *listed == backend)
            .map_or(&Availability::NotCompiled, |(_, availability)| availability)
    }
}

/// Figures only, in one line.
impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.os, self.shm_now)?;
        if let Some(cgroup) = &self.cgroup {
            write!(f, "; {cgroup}")?;
        }
        match self.overcommit {
            Some(mode) => write!(f, "; vm.overcommit_memory is {mode}"),
            None => Ok(()),
        }
    }
}

/// Whether a backend can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It works here.
    Works,
    /// This build does not contain it.
    NotCompiled,
    /// This system refuses it, for the reason given.
    Refused(String),
}

/// The space behind `shm`: on Linux, the file system on `/dev/shm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Not known: there is no such file system here, or it does not answer.
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

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limited { free, total } => {
                write!(f, "/dev/shm has {free} of {total} bytes free")
            }
            Self::Unlimited => f.write_str("/dev/shm has no limit of its own"),
            Self::Unmeasured => f.write_str("space for shm not measured"),
        }
    }
}

/// Which kind of control group a memory limit comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
