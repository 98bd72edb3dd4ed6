//! Payloads: from an array to the description that rebuilds it in another process, and back.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use shm_core::{
    Access, BackendKind, Descriptor, ErrorKind, Origin, Payload, PayloadRef, Result, Window,
};
use shm_presence::fork;

use crate::backends::segment::Mapped;
use crate::backends::{self, backend_cannot};
use crate::erased::ErasedArray;
use crate::erased::details::Details;

impl ErasedArray {
    /// The description that rebuilds this array in another process, as [`Array::payload`](crate::Array::payload).
    ///
    /// # Errors
    /// [`BackendCannot`](ErrorKind::BackendCannot) on backend `mmap`.
    pub fn payload(&self) -> Result<Payload> {
        self.described("making a payload").map(Payload::from)
    }

    /// Describes it, without what another process needs to reach it: on backend `mmap` nothing else
    /// can be said.
    pub fn descriptor(&self) -> Descriptor {
        let (header, frozen) = (self.segment().header(), self.is_frozen());
        let payload: Payload =
            PayloadRef::new(self.backend(), header, self.part(), frozen, None).into();
        payload.descriptor
    }

    /// The part that a descriptor describes of the array that this handle is of. The same memory.
    ///
    /// # Errors
    /// [`SegmentMismatch`](ErrorKind::SegmentMismatch) if it describes another array; those of
    /// [`Header::check_described_by`](shm_core::Header::check_described_by).
    pub fn part_described_by(&self, descriptor: &Descriptor) -> Result<Self> {
        self.header().check_described_by(descriptor)?;
        let whole = || Window::whole(self.header().layout());
        Ok(self.showing(descriptor.window.clone().unwrap_or_else(whole)))
    }

    /// The file descriptor that leads to its segment, on backends that have one: `shm` and `memfd`.
    ///
    /// With a [`payload`](Self::payload) it is what [`from_fd`](Self::from_fd) needs.
    #[cfg(unix)]
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.segment().file().map(AsFd::as_fd)
    }

    /// Attaches to the array that a payload describes: for reading if it is frozen, otherwise for reading
    /// and writing.
    ///
    /// # Errors
    /// As for [`Array::from_payload`](crate::Array::from_payload), but for those on its type.
    pub fn from_payload(payload: &Payload) -> Result<Self> {
        Self::open_payload(payload, access_of(&payload.descriptor))
    }

    /// Attaches to the array that a payload describes, for reading.
    ///
    /// # Errors
    /// As for [`from_payload`](Self::from_payload).
    pub fn from_payload_read_only(payload: &Payload) -> Result<Self> {
        Self::open_payload(payload, Access::ReadOnly)
    }

    /// Attaches to the segment that a file descriptor leads to, which must be the one that the payload
    /// describes: for reading if it is frozen, otherwise for reading and writing.
    ///
    /// # Errors
    /// [`SegmentMismatch`](ErrorKind::SegmentMismatch) if it leads to another segment;
    /// [`NotASegment`](ErrorKind::NotASegment), [`AccessDenied`](ErrorKind::AccessDenied) and those
    /// of [`Header::decode`](shm_core::Header::decode) if it leads to none that this process can use;
    /// [`BackendCannot`](ErrorKind::BackendCannot) for backend `mmap`.
    #[cfg(unix)]
    pub fn from_fd(payload: &Payload, fd: OwnedFd) -> Result<Self> {
        let descriptor = &payload.descriptor;
        Self::open_fd(descriptor, fd, None, access_of(descriptor))
    }

    /// Attaches, and checks that the segment is the one described.
    pub(crate) fn open_payload(payload: &Payload, access: Access) -> Result<Self> {
        let descriptor = &payload.descriptor;
        let backend = descriptor.backend;
        let found = match (backend, payload.origin) {
            (BackendKind::Memfd, Some(origin)) => backends::attach_origin(backend, origin, access)?,
            (BackendKind::Shm, _) => backends::attach(backend, &descriptor.name, access)?,
            (BackendKind::Memfd, None) => {
                let reason = "it names no descriptor of the sender".into();
                return Err(ErrorKind::Corrupt { what: "payload", reason }.into());
            }
            _ => return Err(backend_cannot("attaching from a payload", backend)),
        };
        Self::described_by(found, None, descriptor)
    }

    /// Attaches by fd, and checks that the segment is the one described; `locks` is a description of
    /// the same file for the slot of this process, if it came with one.
    pub(crate) fn open_fd(
        descriptor: &Descriptor,
        fd: OwnedFd,
        locks: Option<File>,
        access: Access,
    ) -> Result<Self> {
        let found = backends::attach_fd(descriptor.backend, fd, &descriptor.name, access)?;
        Self::described_by(found, locks, descriptor)
    }

    fn described_by(found: Mapped, locks: Option<File>, descriptor: &Descriptor) -> Result<Self> {
        found.segment.header().check_described_by(descriptor)?;
        let mut array = Self::with_locks(found, Details::new(None), locks)?;
        if descriptor.frozen && !array.is_frozen() {
            let missing = "the seals of a frozen array".into();
            return Err(ErrorKind::NotSealed { missing }.into());
        }
        if let Some(window) = &descriptor.window
            && !window.is_whole(array.header().layout())
        {
            array.show(window.clone());
        }
        Ok(array)
    }

    /// A payload, and the file to go with it, for an operation that needs them.
    #[cfg(feature = "transfer")]
    pub(crate) fn handover(&self, operation: &'static str) -> Result<(PayloadRef<'_>, &File)> {
        let segment = self.segment();
        let Some(file) = segment.file() else {
            return Err(backend_cannot(operation, segment.kind()));
        };
        Ok((self.described(operation)?, file))
    }

    /// A payload. It asks for the file only where that is in it: who asks for one may hand it over.
    fn described(&self, operation: &'static str) -> Result<PayloadRef<'_>> {
        let (segment, backend) = (self.segment(), self.backend());
        let origin = match backend {
            BackendKind::Mmap => return Err(backend_cannot(operation, backend)),
            BackendKind::Memfd => segment
                .file()
                .map(|file| Origin { pid: fork::pid(), fd: file.as_raw_fd().cast_unsigned() }),
            _ => None,
        };
        let (header, frozen) = (segment.header(), segment.is_frozen());
        Ok(PayloadRef::new(backend, header, self.part(), frozen, origin))
    }
}

/// The access with which an array is attached if the caller does not say.
pub(crate) fn access_of(descriptor: &Descriptor) -> Access {
    if descriptor.frozen { Access::ReadOnly } else { Access::ReadWrite }
}
