//! What every kind of array has inside: a mapping, its segment, and the window it shows.

use std::borrow::Cow;
use std::fmt;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use shm_core::{
    Access, BackendKind, Descriptor, ErrorKind, Header, Name, Origin, Payload, PayloadRef, Region,
    Result, Window,
};
use shm_presence::fork;
use shm_select::Selection;

use crate::attachment::Attachment;
use crate::backends::{self, AnySegment, backend_cannot};

/// A hold on a segment and its mapping here. Clones share both.
#[derive(Clone)]
pub struct Handle {
    attachment: Arc<Attachment>,
    shown: Shown,
}

/// A hold on a segment, without its mapping.
#[derive(Clone)]
pub(crate) struct Held {
    segment: AnySegment,
    shown: Shown,
}

/// What a hold shows of its segment, and how it came to it. Of most there is nothing to say: all, by
/// the segment's name. Clones share what there is.
#[derive(Clone, Default)]
struct Shown(Option<Arc<Particulars>>);

#[derive(Clone, Default)]
struct Particulars {
    /// The part, if not the whole.
    window: Option<Window>,
    /// What it goes by in this process, if not by the segment's name.
    label: Option<Name>,
    selection: Option<Arc<Selection>>,
}

impl Handle {
    /// What was made or found; with what was selected, if that was asked.
    pub(crate) fn new(attachment: Arc<Attachment>, selection: Option<Selection>) -> Self {
        let mut shown = Shown::default();
        if let Some(selection) = selection {
            shown.note(|known| known.selection = Some(Arc::new(selection)));
        }
        Self { attachment, shown }
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
            _ => return Err(backend_cannot("attaching from a payload", backend)),
        };
        Self::described_by(found, descriptor)
    }

    /// Attaches to what came with a payload.
    #[cfg(feature = "transfer")]
    pub(crate) fn from_fd(
        descriptor: &Descriptor,
        fd: std::os::fd::OwnedFd,
        access: Access,
    ) -> Result<Self> {
        let found = backends::attach_fd(descriptor.backend, fd, &descriptor.name, access)?;
        Self::described_by(found, descriptor)
    }

    fn described_by(found: Arc<Attachment>, descriptor: &Descriptor) -> Result<Self> {
        let mut handle = Self::new(found, None);
        handle.header().check_described_by(descriptor)?;
        if descriptor.frozen && !handle.is_frozen() {
            let missing = "the seals of a frozen array".into();
            return Err(ErrorKind::NotSealed { missing }.into());
        }
        if let Some(window) = &descriptor.window
            && !window.is_whole(handle.header().layout())
        {
            handle.shown.note(|known| known.window = Some(window.clone()));
        }
        Ok(handle)
    }

    /// What rebuilds this in another process.
    pub(crate) fn payload(&self) -> Result<Payload> {
        self.handover("making a payload").map(|(payload, _)| payload.into())
    }

    /// That, and the file to go with it, for an operation that needs them.
    pub(crate) fn handover(&self, operation: &'static str) -> Result<(PayloadRef<'_>, &File)> {
        let (segment, backend) = (self.segment(), self.backend());
        let Some(file) = segment.file() else { return Err(backend_cannot(operation, backend)) };
        let origin = (backend == BackendKind::Memfd)
            .then(|| Origin { pid: fork::pid(), fd: file.as_raw_fd().cast_unsigned() });
        let (header, frozen) = (segment.header(), segment.is_frozen());
        Ok((PayloadRef::new(backend, header, self.part(), frozen, origin), file))
    }

    /// The same memory, another part of it. The window has been checked.
    pub(crate) fn showing(&self, window: Window) -> Self {
        let mut other = self.clone();
        let is_whole = window.is_whole(self.header().layout());
        other.shown.note(|known| known.window = (!is_whole).then_some(window));
        other
    }

    /// The same memory, by another name in this process.
    pub(crate) fn labelled(&self, label: Name) -> Self {
        let mut other = self.clone();
        other.shown.note(|known| known.label = Some(label));
        other
    }

    pub(crate) fn detach(self) -> Held {
        Held { segment: self.segment().clone(), shown: self.shown }
    }

    #[inline]
    pub(crate) fn attachment(&self) -> &Attachment {
        &self.attachment
    }

    pub(crate) fn region(&self) -> &(dyn Region + 'static) {
        self.attachment.region()
    }

    pub(crate) fn segment(&self) -> &AnySegment {
        self.attachment.segment()
    }

    pub(crate) fn header(&self) -> &Header {
        self.segment().header()
    }

    pub(crate) fn name(&self) -> &Name {
        self.shown.name(self.header())
    }

    /// The part that it shows, if not the whole.
    pub(crate) fn part(&self) -> Option<&Window> {
        self.shown.window()
    }

    /// What it shows.
    pub(crate) fn window(&self) -> Cow<'_, Window> {
        let whole = || Cow::Owned(Window::whole(self.header().layout()));
        self.part().map_or_else(whole, Cow::Borrowed)
    }

    /// Length of each axis, in elements.
    pub(crate) fn shape(&self) -> &[usize] {
        self.shown.shape(self.header())
    }

    pub(crate) fn backend(&self) -> BackendKind {
        self.segment().kind()
    }

    pub(crate) fn access(&self) -> Access {
        self.segment().access()
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.segment().is_frozen()
    }

    pub(crate) fn selection(&self) -> Option<&Selection> {
        self.shown.0.as_ref()?.selection.as_deref()
    }
}

impl Held {
    pub(crate) fn name(&self) -> &Name {
        self.shown.name(self.segment.header())
    }

    pub(crate) fn attach(self) -> Result<Handle> {
        Ok(Handle { attachment: self.segment.map()?, shown: self.shown })
    }

    /// Freezes the segment; the mappings of this process must be gone.
    pub(crate) fn freeze(&self) -> Result<Handle> {
        Ok(Handle { attachment: self.segment.freeze()?, shown: self.shown.clone() })
    }
}

impl Shown {
    fn note(&mut self, what: impl FnOnce(&mut Particulars)) {
        what(Arc::make_mut(self.0.get_or_insert_default()));
    }

    fn window(&self) -> Option<&Window> {
        self.0.as_ref()?.window.as_ref()
    }

    fn name<'a>(&'a self, header: &'a Header) -> &'a Name {
        let label = self.0.as_ref().and_then(|known| known.label.as_ref());
        label.unwrap_or_else(|| header.name())
    }

    fn shape<'a>(&'a self, header: &'a Header) -> &'a [usize] {
        self.window().map_or_else(|| header.layout().shape(), |part| &part.shape)
    }

    fn describe(&self, segment: &AnySegment, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (header, backend) = (segment.header(), segment.kind());
        let (name, dtype, shape) = (self.name(header), header.dtype(), self.shape(header));
        write!(f, "{:?} on {backend}, {dtype} {shape:?}", name.as_str())
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown.describe(&self.segment, f)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown.describe(self.segment(), f)
    }
}
