//! What another process needs to attach to an array.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::backend_kind::BackendKind;
use crate::dtype::DType;
use crate::error::Result;
use crate::error::kind::ErrorKind;
use crate::header::Header;
use crate::layout::Layout;
use crate::name::Name;
use crate::window::Window;

/// The serialisable description of an array: which segment, and what is in it.
///
/// It is checked against the segment when it is used ([`Header::check_described_by`]), so a
/// descriptor from outside can be wrong but not harmful.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// The backend that the segment is on.
    pub backend: BackendKind,
    /// The array's name.
    pub name: Name,
    /// Tells the segment from a successor of the same name.
    pub uuid: Uuid,
    /// Size of the whole segment, in bytes.
    pub segment_len: u64,
    /// The type of the elements.
    pub dtype: DType,
    /// The shape and order of the whole array.
    pub layout: Layout,
    /// The part that the handle showed; `None` is the whole.
    pub window: Option<Window>,
    /// Whether it was frozen: the kernel is asked again on attach.
    pub frozen: bool,
}

impl Descriptor {
    /// Describes the whole array of a segment.
    pub fn of(backend: BackendKind, header: &Header, frozen: bool) -> Self {
        Self {
            backend,
            name: header.name().clone(),
            uuid: header.stamp().uuid,
            segment_len: header.segment_len(),
            dtype: header.dtype().clone(),
            layout: header.layout().clone(),
            window: None,
            frozen,
        }
    }
}

/// Where a segment without a name can be opened while its sender lives: `/proc/<pid>/fd/<fd>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Process id of the sender, in its PID namespace.
    pub pid: u32,
    /// Number of the fd in that process.
    pub fd: u32,
}

/// A descriptor plus what transport needs: a few hundred bytes that rebuild the array elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// The description of the array.
    pub descriptor: Descriptor,
    /// Where the sender's fd can be opened, for backends without names.
    pub origin: Option<Origin>,
}

impl Header {
    /// Checks that this is the segment that a descriptor describes.
    ///
    /// # Errors
    /// [`ErrorKind::SegmentMismatch`] with the first figure that differs;
    /// [`ErrorKind::InvalidWindow`] if the descriptor's window does not fit.
    pub fn check_described_by(&self, descriptor: &Descriptor) -> Result<()> {
        let differ = |what, expected: String, found: String| {
            Err(ErrorKind::SegmentMismatch { what, expected, found }.into())
        };
        let (uuid, len) = (self.stamp().uuid, self.segment_len());
        if descriptor.uuid != uuid {
            return differ("UUID", descriptor.uuid.to_string(), uuid.to_string());
        }
        if descriptor.segment_len != len {
            return differ("size in bytes", descriptor.segment_len.to_string(), len.to_string());
        }
        if descriptor.dtype != *self.dtype() {
            return differ("dtype", descriptor.dtype.to_string(), self.dtype().to_string());
        }
        if descriptor.layout != *self.layout() {
            let show = |layout: &Layout| {
                let (shape, order, itemsize) = (layout.shape(), layout.order(), layout.itemsize());
                format!("{shape:?} in {order} order of {itemsize}-byte elements")
            };
            return differ("shape", show(&descriptor.layout), show(self.layout()));
        }
        match &descriptor.window {
            Some(window) => window.check(self.layout()),
            None => Ok(()),
        }
    }
}

/// A payload whose parts lie elsewhere, in a header for instance: as much as it takes to write one.
#[derive(Clone, Copy, Debug)]
pub struct PayloadRef<'a> {
    pub(crate) backend: BackendKind,
    pub(crate) name: &'a Name,
    pub(crate) uuid: Uuid,
    pub(crate) segment_len: u64,
    pub(crate) dtype: &'a DType,
    pub(crate) layout: &'a Layout,
    pub(crate) window: Option<&'a Window>,
    pub(crate) frozen: bool,
    pub(crate) origin: Option<Origin>,
}

impl<'a> PayloadRef<'a> {
    /// Describes a part of a segment's array, or the whole.
    pub fn new(
        backend: BackendKind,
        header: &'a Header,
        window: Option<&'a Window>,
        frozen: bool,
        origin: Option<Origin>,
    ) -> Self {
        Self {
            backend,
            name: header.name(),
            uuid: header.stamp().uuid,
            segment_len: header.segment_len(),
            dtype: header.dtype(),
            layout: header.layout(),
            window,
            frozen,
            origin,
        }
    }

    /// The backend that the segment is on.
    pub fn backend(&self) -> BackendKind {
        self.backend
    }
}

impl<'a> From<&'a Payload> for PayloadRef<'a> {
    fn from(payload: &'a Payload) -> Self {
        let Payload { descriptor, origin } = payload;
        Self {
            backend: descriptor.backend,
            name: &descriptor.name,
            uuid: descriptor.uuid,
            segment_len: descriptor.segment_len,
            dtype: &descriptor.dtype,
            layout: &descriptor.layout,
            window: descriptor.window.as_ref(),
            frozen: descriptor.frozen,
            origin: *origin,
        }
    }
}

impl From<PayloadRef<'_>> for Payload {
    fn from(payload: PayloadRef<'_>) -> Self {
        let descriptor = Descriptor {
            backend: payload.backend,
            name: payload.name.clone(),
            uuid: payload.uuid,
            segment_len: payload.segment_len,
            dtype: payload.dtype.clone(),
            layout: payload.layout.clone(),
            window: payload.window.cloned(),
            frozen: payload.frozen,
        };
        Self { descriptor, origin: payload.origin }
    }
}
