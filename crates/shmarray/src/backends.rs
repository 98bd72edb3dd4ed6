//! The backends of this build, as one type: the only place that asks which are compiled in.

use std::fs::File;
#[cfg(feature = "transfer")]
use std::os::fd::OwnedFd;
use std::sync::Arc;

#[cfg(any(feature = "shm", feature = "mmap", feature = "memfd"))]
use shm_core::Backend;
#[cfg(any(feature = "shm", feature = "memfd"))]
use shm_core::Handover;
#[cfg(feature = "shm")]
use shm_core::Named;
#[cfg(feature = "memfd")]
use shm_core::Sealable;
use shm_core::{
    Access, Attached, BackendKind, ErrorKind, Fill, Header, Identified, Name, Origin, Result,
    Segment, SlotLocks, Spec,
};

use shm_map::SegmentRegion;

use crate::attachment::Attachment;

/// A segment of any backend.
#[derive(Clone, Debug)]
pub(crate) enum AnySegment {
    #[cfg(feature = "shm")]
    Shm(shm_posix::PosixSegment),
    #[cfg(feature = "mmap")]
    Mmap(shm_anon::AnonSegment),
    #[cfg(feature = "memfd")]
    Memfd(shm_memfd::MemfdSegment),
}

macro_rules! each {
    ($value:expr, $inner:ident => $result:expr) => {
        match $value {
            #[cfg(feature = "shm")]
            AnySegment::Shm($inner) => $result,
            #[cfg(feature = "mmap")]
            AnySegment::Mmap($inner) => $result,
            #[cfg(feature = "memfd")]
            AnySegment::Memfd($inner) => $result,
        }
    };
}

/// The backends that are compiled into this build.
pub(crate) const COMPILED: &[BackendKind] = &[
    #[cfg(feature = "shm")]
    BackendKind::Shm,
    #[cfg(feature = "mmap")]
    BackendKind::Mmap,
    #[cfg(feature = "memfd")]
    BackendKind::Memfd,
];

fn not_compiled<T>(backend: BackendKind) -> Result<T> {
    Err(ErrorKind::BackendNotCompiled { backend, feature: backend.feature() }.into())
}

macro_rules! any_of {
    ($feature:literal, $backend:ident, $segment:ty) => {
        #[cfg(feature = $feature)]
        impl From<$segment> for AnySegment {
            fn from(segment: $segment) -> Self {
                Self::$backend(segment)
            }
        }
    };
}

any_of!("shm", Shm, shm_posix::PosixSegment);
any_of!("mmap", Mmap, shm_anon::AnonSegment);
any_of!("memfd", Memfd, shm_memfd::MemfdSegment);

#[cfg(any(feature = "shm", feature = "mmap", feature = "memfd"))]
fn any<S>(attached: Attached<S>) -> Result<Arc<Attachment>>
where
    S: Segment<Region = SegmentRegion> + Into<AnySegment>,
{
    Attachment::new(attached.segment.into(), attached.region)
}

/// Makes a segment.
pub(crate) fn create(
    backend: BackendKind,
    spec: &Spec,
    fill: Option<Fill<'_>>,
) -> Result<Arc<Attachment>> {
    match backend {
        #[cfg(feature = "shm")]
        BackendKind::Shm => shm_posix::Posix::default().create(spec, fill).and_then(any),
        #[cfg(feature = "mmap")]
        BackendKind::Mmap => shm_anon::Anon.create(spec, fill).and_then(any),
        #[cfg(feature = "memfd")]
        BackendKind::Memfd => shm_memfd::Memfd.create(spec, fill).and_then(any),
        other => not_compiled(other),
    }
}

/// Attaches by name.
pub(crate) fn attach(backend: BackendKind, name: &Name, access: Access) -> Result<Arc<Attachment>> {
    match backend {
        #[cfg(feature = "shm")]
        BackendKind::Shm => shm_posix::Posix::default()
            .attach(shm_posix::NameOrFd::Name(name.clone()), access)
            .and_then(any),
        #[cfg(feature = "mmap")]
        BackendKind::Mmap => shm_anon::Anon.attach(name.clone(), access).and_then(any),
        #[cfg(feature = "memfd")]
        BackendKind::Memfd => Err(ErrorKind::BackendCannot {
            operation: "attaching by name",
            backend,
            reason: "it has no names; attach from a payload",
            able: "shm",
        }
        .into()),
        other => {
            let _ = (name, access); // used by some sets of features only
            not_compiled(other)
        }
    }
}

/// Whether an anonymous array of this process bears the name at this moment.
pub(crate) fn is_anonymous(name: &Name) -> bool {
    #[cfg(feature = "mmap")]
    return shm_anon::Anon.is_known(name);
    #[cfg(not(feature = "mmap"))]
    {
        let _ = name;
        false
    }
}

/// Attaches to a descriptor that was handed over.
#[cfg(feature = "transfer")]
pub(crate) fn attach_fd(
    backend: BackendKind,
    fd: OwnedFd,
    name: &Name,
    access: Access,
) -> Result<Arc<Attachment>> {
    match backend {
        #[cfg(feature = "shm")]
        BackendKind::Shm => shm_posix::Posix::default()
            .attach(shm_posix::NameOrFd::Fd(fd, name.clone()), access)
            .and_then(any),
        #[cfg(feature = "memfd")]
        BackendKind::Memfd => {
            shm_memfd::Memfd.attach(shm_memfd::FdOrOrigin::Fd(fd), access).and_then(any)
        }
        BackendKind::Mmap => Err(backend_cannot("attaching to a descriptor", backend)),
        other => {
            let _ = (fd, name, access); // used by some sets of features only
            not_compiled(other)
        }
    }
}

/// Attaches to a segment without a name while its sender lives.
pub(crate) fn attach_origin(origin: Origin, access: Access) -> Result<Arc<Attachment>> {
    #[cfg(feature = "memfd")]
    return shm_memfd::Memfd.attach(shm_memfd::FdOrOrigin::Origin(origin), access).and_then(any);
    #[cfg(not(feature = "memfd"))]
    {
        let _ = (origin, access);
        not_compiled(BackendKind::Memfd)
    }
}

/// Removes a name that all processes of the user see.
pub(crate) fn delete(name: &Name) -> Result<bool> {
    #[cfg(feature = "shm")]
    return shm_posix::Posix::default().delete(name);
    #[cfg(not(feature = "shm"))]
    {
        let _ = name;
        not_compiled(BackendKind::Shm)
    }
}

/// What a handle is needed for, on a backend that has none.
pub(crate) fn backend_cannot(operation: &'static str, backend: BackendKind) -> shm_core::Error {
    ErrorKind::BackendCannot {
        operation,
        backend,
        reason: "anonymous mappings are reached by forked descendants only",
        able: "shm or memfd",
    }
    .into()
}

impl AnySegment {
    pub(crate) fn kind(&self) -> BackendKind {
        match self {
            #[cfg(feature = "shm")]
            Self::Shm(_) => BackendKind::Shm,
            #[cfg(feature = "mmap")]
            Self::Mmap(_) => BackendKind::Mmap,
            #[cfg(feature = "memfd")]
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

    pub(crate) fn map(self) -> Result<Arc<Attachment>> {
        let region = each!(&self, segment => segment.map()?);
        Attachment::new(self, region)
    }

    pub(crate) fn destroy(&self) -> Result<()> {
        each!(self, segment => segment.destroy())
    }

    /// The file to hand over, on backends that have one.
    pub(crate) fn file(&self) -> Option<&File> {
        match self {
            #[cfg(feature = "shm")]
            Self::Shm(segment) => Some(segment.file()),
            #[cfg(feature = "mmap")]
            Self::Mmap(_) => None,
            #[cfg(feature = "memfd")]
            Self::Memfd(segment) => Some(segment.file()),
        }
    }

    pub(crate) fn is_frozen(&self) -> bool {
        match self {
            #[cfg(feature = "memfd")]
            Self::Memfd(segment) => segment.is_frozen(),
            #[cfg(any(feature = "shm", feature = "mmap"))]
            _ => false,
        }
    }

    /// Freezes a memfd whose regions in this process are gone.
    pub(crate) fn freeze(&self) -> Result<Arc<Attachment>> {
        match self {
            #[cfg(feature = "memfd")]
            Self::Memfd(segment) => segment.freeze().and_then(any),
            #[cfg(any(feature = "shm", feature = "mmap"))]
            other => Err(ErrorKind::BackendCannot {
                operation: "freezing",
                backend: other.kind(),
                reason: "its segments cannot be sealed",
                able: "memfd",
            }
            .into()),
        }
    }
}
