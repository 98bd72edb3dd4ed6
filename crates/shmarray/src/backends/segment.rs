//! A segment of any backend, as one type.

use std::fs::File;

#[cfg(all(any(feature = "shm", feature = "memfd"), target_os = "linux"))]
use shm_core::Handover;
#[cfg(all(feature = "memfd", target_os = "linux"))]
use shm_core::Sealable;
use shm_core::{
    Access, Attached, BackendKind, Error, ErrorKind, Header, Identified, Result, Segment, SlotLocks,
};
use shm_map::SegmentRegion;

/// A segment, mapped here.
pub(crate) struct Mapped {
    pub(crate) segment: AnySegment,
    pub(crate) region: SegmentRegion,
}

impl<S> From<Attached<S>> for Mapped
where
    S: Segment<Region = SegmentRegion> + Into<AnySegment>,
{
    fn from(attached: Attached<S>) -> Self {
        Self { segment: attached.segment.into(), region: attached.region }
    }
}

/// A segment of any backend.
#[derive(Clone, Debug)]
pub(crate) enum AnySegment {
    #[cfg(all(feature = "shm", target_os = "linux"))]
    Shm(shm_posix::PosixSegment),
    #[cfg(all(feature = "mmap", unix))]
    Mmap(shm_anon::AnonSegment),
    #[cfg(all(feature = "memfd", target_os = "linux"))]
    Memfd(shm_memfd::MemfdSegment),
}

macro_rules! from {
    ($($backend:ident: $segment:ty, if $gate:meta;)*) => {$(
        #[cfg($gate)]
        impl From<$segment> for AnySegment {
            fn from(segment: $segment) -> Self {
                Self::$backend(segment)
            }
        }
    )*};
}

from! {
    Shm: shm_posix::PosixSegment, if all(feature = "shm", target_os = "linux");
    Mmap: shm_anon::AnonSegment, if all(feature = "mmap", unix);
    Memfd: shm_memfd::MemfdSegment, if all(feature = "memfd", target_os = "linux");
}

macro_rules! each {
    ($value:expr, $inner:ident => $result:expr) => {
        match $value {
            #[cfg(all(feature = "shm", target_os = "linux"))]
            AnySegment::Shm($inner) => $result,
            #[cfg(all(feature = "mmap", unix))]
            AnySegment::Mmap($inner) => $result,
            #[cfg(all(feature = "memfd", target_os = "linux"))]
            AnySegment::Memfd($inner) => $result,
        }
    };
}

impl AnySegment {
    pub(crate) fn kind(&self) -> BackendKind {
        match self {
            #[cfg(all(feature = "shm", target_os = "linux"))]
            Self::Shm(_) => BackendKind::Shm,
            #[cfg(all(feature = "mmap", unix))]
            Self::Mmap(_) => BackendKind::Mmap,
            #[cfg(all(feature = "memfd", target_os = "linux"))]
            Self::Memfd(_) => BackendKind::Memfd,
        }
    }

    pub(crate) fn header(&self) -> &Header {
        each!(self, segment => segment.header())
    }

    pub(crate) fn access(&self) -> Access {
        each!(self, segment => segment.access())
    }

    pub(crate) fn slot_locks(&self) -> Result<SlotLocks<&File>> {
        each!(self, segment => segment.slot_locks())
    }

    pub(crate) fn open_locks(&self) -> Result<SlotLocks> {
        each!(self, segment => segment.open_locks())
    }

    /// Maps it once more.
    pub(crate) fn map(self) -> Result<Mapped> {
        let region = each!(&self, segment => segment.map()?);
        Ok(Mapped { segment: self, region })
    }

    pub(crate) fn destroy(&self) -> Result<()> {
        each!(self, segment => segment.destroy())
    }

    /// The file to hand over, on backends that have one.
    pub(crate) fn file(&self) -> Option<&File> {
        match self {
            #[cfg(all(feature = "shm", target_os = "linux"))]
            Self::Shm(segment) => Some(segment.file()),
            #[cfg(all(feature = "mmap", unix))]
            Self::Mmap(_) => None,
            #[cfg(all(feature = "memfd", target_os = "linux"))]
            Self::Memfd(segment) => Some(segment.file()),
        }
    }

    /// Whether anybody else is present, on backends where the kernel tells.
    pub(crate) fn has_others(&self) -> Result<Option<bool>> {
        match self {
            #[cfg(all(feature = "shm", target_os = "linux"))]
            Self::Shm(segment) => segment.has_others().map(Some),
            #[cfg(all(feature = "mmap", unix))]
            Self::Mmap(_) => Ok(None),
            #[cfg(all(feature = "memfd", target_os = "linux"))]
            Self::Memfd(segment) => shm_presence::ask_others(segment.file()).map(Some),
        }
    }

    pub(crate) fn is_frozen(&self) -> bool {
        match self {
            #[cfg(all(feature = "memfd", target_os = "linux"))]
            Self::Memfd(segment) => segment.is_frozen(),
            #[allow(unreachable_patterns)] // with `memfd` alone
            _ => false,
        }
    }

    /// That it is on a backend whose segments can be sealed.
    pub(crate) fn check_sealable(&self) -> Result<()> {
        if self.kind() == BackendKind::Memfd { Ok(()) } else { Err(self.not_sealable()) }
    }

    fn not_sealable(&self) -> Error {
        let (operation, backend) = ("freezing", self.kind());
        let (reason, able) = ("its segments cannot be sealed", "memfd");
        ErrorKind::BackendCannot { operation, backend, reason, able }.into()
    }

    /// Freezes a memfd whose regions in this process are gone.
    pub(crate) fn freeze(&self) -> Result<Mapped> {
        match self {
            #[cfg(all(feature = "memfd", target_os = "linux"))]
            Self::Memfd(segment) => segment.freeze().map(Mapped::from),
            #[allow(unreachable_patterns)] // with `memfd` alone
            other => Err(other.not_sealable()),
        }
    }
}
