//! What every kind of array has inside: a mapping, its segment, and the window it shows.
#![allow(unsafe_code)] // vouches that region and header belong together, and for how long

use std::borrow::Cow;
use std::fmt;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;

use shm_core::{
    Access, BackendKind, Descriptor, ErrorKind, Header, Name, Origin, Payload, PayloadRef, Region,
    Result, SlotLocks, Window,
};
use shm_presence::{Identity, fork};
use shm_select::Selection;
use shm_sync::{Attachment, Words};

use crate::backends::{self, AnyRegion, AnySegment, no_handle};

/// A hold on a segment and its mapping here. Clones share both.
#[derive(Clone)]
pub struct Handle {
    // Dropped before the segment: the last one out must not be present any more when he asks.
    region: AnyRegion,
    // Invariant: of `region`, which lies in an Arc and is never changed.
    words: Words<'static>,
    held: Held,
}

/// A hold on a segment, without its mapping.
#[derive(Clone)]
pub struct Held {
    segment: AnySegment,
    /// The part that it shows, if not the whole.
    window: Option<Window>,
    /// What this handle goes by in this process, if not by the segment's name.
    label: Option<Name>,
    selection: Option<Arc<Selection>>,
    /// The slot of this attachment, which its clones share.
    identity: Arc<Identity>,
}

impl Handle {
    /// What was made or found; with what was selected, if that was asked.
    pub(crate) fn new(
        (region, segment): (AnyRegion, AnySegment),
        selection: Option<Selection>,
    ) -> Result<Self> {
        let (selection, identity) = (selection.map(Arc::new), Arc::default());
        Self::mapped(region, Held { segment, window: None, label: None, selection, identity })
    }

    /// The region is of the segment that is held.
    fn mapped(region: AnyRegion, held: Held) -> Result<Self> {
        let start: *const (dyn Region + 'static) = &**region;
        // SAFETY: the region lies in an Arc, which the result keeps for as long as the words.
        let start: &'static dyn Region = unsafe { &*start };
        // SAFETY: region and header are of one segment. Of the bytes before the data, this crate
        // hands out none.
        let words = unsafe { Words::of(start, held.header()) }?;
        Ok(Self { region, words, held })
    }

    /// Attaches to what a payload describes, and checks that it is that.
    pub(crate) fn from_payload(payload: &Payload, access: Access) -> Result<Self> {
        let descriptor = &payload.descriptor;
        let backend = descriptor.backend;
        let found = match (backend, payload.origin) {
            (BackendKind::Memfd, Some(origin)) => backends::attach_origin(origin, access)?,
            (BackendKind::Shm, _) => backends::attach(backend, &descriptor.name, access)?,
            (BackendKind::Memfd, None) => {
                let reason = "it names no descriptor of the sender".into();
                return Err(ErrorKind::Corrupt { what: "payload", reason }.into());
            }
            _ => return Err(no_handle("attaching from a payload", backend)),
        };
        Self::described_by(found, descriptor)
    }

    /// Attaches to what came with a payload.
    #[cfg(feature = "pass")]
    pub(crate) fn from_fd(
        descriptor: &Descriptor,
        fd: std::os::fd::OwnedFd,
        access: Access,
    ) -> Result<Self> {
        let found = backends::attach_fd(descriptor.backend, fd, &descriptor.name, access)?;
        Self::described_by(found, descriptor)
    }

    fn described_by(found: (AnyRegion, AnySegment), descriptor: &Descriptor) -> Result<Self> {
        let mut handle = Self::new(found, None)?;
        handle.header().check_described_by(descriptor)?;
        if descriptor.frozen && !handle.is_frozen() {
            let missing = "the seals of a frozen array".into();
            return Err(ErrorKind::NotSealed { missing }.into());
        }
        let is_whole = |window: &&Window| window.is_whole(handle.header().layout());
        handle.held.window = descriptor.window.as_ref().filter(|w| !is_whole(w)).cloned();
        Ok(handle)
    }

    /// What rebuilds this in another process.
    pub(crate) fn payload(&self) -> Result<Payload> {
        self.handover("making a payload").map(|(payload, _)| payload.into())
    }

    /// That, and the descriptor to go with it, for an operation that needs them.
    pub(crate) fn handover(
        &self,
        operation: &'static str,
    ) -> Result<(PayloadRef<'_>, BorrowedFd<'_>)> {
        let Held { segment, window, .. } = &self.held;
        let backend = segment.kind();
        let Some(fd) = segment.fd() else { return Err(no_handle(operation, backend)) };
        let origin = (backend == BackendKind::Memfd)
            .then(|| Origin { pid: fork::pid(), fd: fd.as_raw_fd().cast_unsigned() });
        let (header, frozen) = (segment.header(), segment.is_frozen());
        Ok((PayloadRef::new(backend, header, window.as_ref(), frozen, origin), fd))
    }

    /// The same memory, another part of it. The window has been checked.
    pub(crate) fn showing(&self, window: Window) -> Self {
        let mut other = self.clone();
        let is_whole = window.is_whole(self.header().layout());
        other.held.window = (!is_whole).then_some(window);
        other
    }

    /// The same memory, by another name in this process.
    pub(crate) fn labelled(&self, label: Name) -> Self {
        let mut other = self.clone();
        other.held.label = Some(label);
        other
    }

    pub(crate) fn region(&self) -> &(dyn Region + 'static) {
        &**self.region
    }

    pub(crate) fn detach(self) -> Held {
        self.held
    }
}

impl std::ops::Deref for Handle {
    type Target = Held;

    fn deref(&self) -> &Held {
        &self.held
    }
}

impl Held {
    pub(crate) fn attach(self) -> Result<Handle> {
        Handle::mapped(self.segment.map()?, self)
    }

    /// Freezes the segment; the mappings of this process must be gone.
    pub(crate) fn freeze(&self) -> Result<Handle> {
        let mut handle = Handle::new(self.segment.freeze()?, None)?;
        handle.held.window = self.window.clone();
        handle.held.selection = self.selection.clone();
        handle.held.label = self.label.clone();
        Ok(handle)
    }

    pub(crate) fn header(&self) -> &Header {
        self.segment.header()
    }

    pub(crate) fn name(&self) -> &Name {
        self.label.as_ref().unwrap_or_else(|| self.header().name())
    }

    /// The part that it shows, if not the whole.
    pub(crate) fn part(&self) -> Option<&Window> {
        self.window.as_ref()
    }

    /// What it shows.
    pub(crate) fn window(&self) -> Cow<'_, Window> {
        let whole = || Cow::Owned(Window::whole(self.header().layout()));
        self.part().map_or_else(whole, Cow::Borrowed)
    }

    /// Length of each axis, in elements.
    pub(crate) fn shape(&self) -> &[usize] {
        self.part().map_or_else(|| self.header().layout().shape(), |part| &part.shape)
    }

    pub(crate) fn backend(&self) -> BackendKind {
        self.segment.kind()
    }

    pub(crate) fn access(&self) -> Access {
        self.segment.access()
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.segment.is_frozen()
    }

    pub(crate) fn selection(&self) -> Option<&Selection> {
        self.selection.as_deref()
    }

    pub(crate) fn segment(&self) -> &AnySegment {
        &self.segment
    }
}

impl Attachment for Handle {
    #[inline]
    fn words(&self) -> &Words<'_> {
        &self.words
    }

    fn slot_locks(&self) -> Result<SlotLocks<'_>> {
        self.held.segment.slot_locks()
    }

    #[inline]
    fn identity(&self) -> &Identity {
        &self.held.identity
    }

    fn header(&self) -> &Header {
        self.held.header()
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} on {}, {} {:?}",
            self.name().as_str(),
            self.backend(),
            self.header().dtype(),
            self.shape()
        )
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.held.fmt(f)
    }
}
