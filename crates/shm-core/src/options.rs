//! What a creator or attacher can ask for.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a region may be used; enforced by the kernel through the mapping's protection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Access {
    /// The segment is opened `O_RDONLY`, so no `mprotect` makes it writable again. On `mmap`, which
    /// has nothing to open, it is a mapping of its own without the permission to write.
    ReadOnly,
    /// Read and write.
    #[default]
    ReadWrite,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ReadOnly => "reading",
            Self::ReadWrite => "reading and writing",
        })
    }
}

/// When the memory behind a segment is reserved.
///
/// Where memory runs out before the array is handed out, it is
/// [`NoSpace`](crate::ErrorKind::NoSpace), never a later SIGBUS. What cannot fit
/// below the memory limit of a cgroup is refused as well; but what others take meanwhile, or what is
/// touched later, can reach that limit on every setting, which ends in the OOM killer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Commit {
    /// [`Reserve`](Self::Reserve) exactly where a first touch could fail (named segments, and
    /// memfd under `vm.overcommit_memory=2`), [`Lazy`](Self::Lazy) elsewhere.
    #[default]
    Auto,
    /// Pages are found at their first touch. On a full `/dev/shm` that touch is SIGBUS.
    Lazy,
    /// Pages are reserved by `fallocate(2)`, but not yet mapped.
    Reserve,
    /// Pages are reserved and mapped (`MADV_POPULATE_WRITE`): the first touch by
    /// the process that makes it costs nothing; others still map each page at theirs.
    Populate,
}

/// Which pages the memory of a new segment is to be in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Pages {
    /// Huge pages for an array that is written from end to end when it is made, where the
    /// administrator allows them by `advise` or more and it has [`WHOLE`](Self::WHOLE) bytes: they
    /// are populated several times faster, and all of them are used. Ordinary pages for all others.
    #[default]
    Auto,
    /// Huge pages wherever the kernel has them: hugetlb ones (`memfd` and `mmap`
    /// only) if enough are free, else transparent ones if `shmem_enabled`, or for `shm` the `huge=`
    /// option of the mount, allows them; ordinary pages if not. [`Paging`] tells which were
    /// asked for.
    ///
    /// A page that is touched takes all its memory, so a sparse array may take more: the first, with the
    /// header in it, from the beginning.
    Huge,
}

impl Pages {
    /// From so many bytes on, [`Auto`](Self::Auto) takes huge pages.
    pub const WHOLE: u64 = 16 << 20;
}

/// Which pages a mapping asked the kernel for, and why.
///
/// Transparent huge pages are a wish: where memory is in pieces, the kernel gives ordinary ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paging {
    /// Size in bytes of the huge pages that were asked for; nothing if these are ordinary ones.
    pub huge: Option<usize>,
    /// Why, in words.
    pub reason: &'static str,
}

impl Paging {
    /// Ordinary pages, for this reason.
    pub const fn ordinary(reason: &'static str) -> Self {
        Self { huge: None, reason }
    }
}

/// Who removes a named segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Cleanup {
    /// The last process that leaves it, also if others crashed before.
    #[default]
    LastOut,
    /// Its creator, on dropping it; if the creator crashed, the last one that leaves.
    Owner,
    /// Nobody, until it is deleted by name.
    Persist,
}

impl fmt::Display for Cleanup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LastOut => "last-out",
            Self::Owner => "owner",
            Self::Persist => "persist",
        })
    }
}

/// How the first element of a new array is aligned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Align {
    /// To 64 bytes: a cache line, and every SIMD register there is.
    #[default]
    CacheLine,
    /// To a page of this many bytes (a power of two, at least 4096) within the segment: for direct
    /// I/O or `madvise`. The address is a multiple of it up to the system's own page size.
    Page(u32),
}

impl Align {
    /// The alignment in bytes.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::CacheLine => 64,
            Self::Page(bytes) => bytes as u64,
        }
    }
}

/// Which index changes fastest in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Order {
    /// The last one: row-major.
    #[default]
    C,
    /// The first one: column-major.
    Fortran,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::C => "C",
            Self::Fortran => "F",
        })
    }
}
