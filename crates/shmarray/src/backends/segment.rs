//! A segment and a mapping of any backend, each as one type.

use std::os::fd::BorrowedFd;

#[cfg(target_os = "linux")]
use shm_core::Handover;
#[cfg(all(feature = "memfd", target_os = "linux"))]
use shm_core::Sealable;
use shm_core::{
    Access, Attached, BackendKind, Error, ErrorKind, Header, Identified, Region, Result, Segment,
    SlotLocks,
};

/// A segment, mapped here.
pub(crate) struct Mapped {
    pub(crate) segment: AnySegment,
    pub(crate) region: AnyRegion,
}

impl<S> From<Attached<S>> for Mapped
where
    S: Segment<Region: Into<AnyRegion>> + Into<AnySegment>,
{
    fn from(attached: Attached<S>) -> Self {
        Self { segment: attached.segment.into(), region: attached.region.into() }
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

/// A mapping of any backend. Of known size: what lies beside it in an
/// [`Attachment`](crate::attachment::Attachment) is found faster.
#[derive(Debug)]
pub(crate) enum AnyRegion {
    #[cfg(all(feature = "shm", target_os = "linux"))]
    Shm(shm_posix::PosixRegion),
    #[cfg(all(feature = "mmap", unix))]
    Mmap(shm_anon::AnonRegion),
    #[cfg(all(feature = "memfd", target_os = "linux"))]
    Memfd(shm_memfd::MemfdRegion),
}

macro_rules! from {
    ($($backend:ident: $segment:ty, $region:ty, if $gate:meta;)*) => {$(
        #[cfg($gate)]
        impl From<$segment> for AnySegment {
            fn from(segment: $segment) -> Self {
                Self::$backend(segment)
            }
        }

        #[cfg($gate)]
        impl From<$region> for AnyRegion {
            fn from(region: $region) -> Self {
                Self::$backend(region)
            }
        }
    )*};
}

from! {
    Shm: shm_posix::PosixSegment, shm_posix::PosixRegion, if all(feature = "shm", target_os = "linux");
    Mmap: shm_anon::AnonSegment, shm_anon::AnonRegion, if all(feature = "mmap", unix);
    Memfd: shm_memfd::MemfdSegment, shm_memfd::MemfdRegion, if all(feature = "memfd", target_os = "linux");
}

macro_rules! each {
    ($any:ident, $value:expr, $inner:ident => $result:expr) => {
        match $value {
            #[cfg(all(feature = "shm", target_os = "linux"))]
            $any::Shm($inner) => $result,
            #[cfg(all(feature = "mmap", unix))]
            $any::Mmap($inner) => $result,
            #[cfg(all(feature = "memfd", target_os = "linux"))]
            $any::Memfd($inner) => $result,
        }
    };
}

impl AnyRegion {
    pub(crate) fn as_dyn(&self) -> &(dyn Region + 'static) {
        each!(AnyRegion, self, region => region)
    }
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
        each!(AnySegment, self, segment => segment.header())
    }

    pub(crate) fn access(&self) -> Access {
        each!(AnySegment, self, segment => segment.access())
    }

    pub(crate) fn slot_locks(&self) -> Result<SlotLocks<'_>> {
        each!(AnySegment, self, segment => segment.slot_locks())
    }

    /// Maps it once more.
    pub(crate) fn map(self) -> Result<Mapped> {
        let region = each!(AnySegment, &self, segment => AnyRegion::from(segment.map()?));
        Ok(Mapped { segment: self, region })
    }

    pub(crate) fn destroy(&self) -> Result<()> {
        each!(AnySegment, self, segment => segment.destroy())
    }

    /// The file descriptor to hand over, on backends that have one.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            #[cfg(all(feature = "shm", target_os = "linux"))]
            Self::Shm(segment) => Some(segment.fd()),
            #[cfg(all(feature = "mmap", unix))]
            Self::Mmap(_) => None,
            #[cfg(all(feature = "memfd", target_os = "linux"))]
            Self::Memfd(segment) => Some(segment.fd()),
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
