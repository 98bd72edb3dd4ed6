//! What another process needs to attach to an array.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{BackendKind, DType, Header, Layout, Name, Window};

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
    /// Descriptor number in that process.
    pub fd: u32,
}

/// A descriptor plus what transport needs: a few hundred bytes that rebuild the array elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payload {
    /// The description of the array.
    pub descriptor: Descriptor,
    /// Where the sender's descriptor can be opened, for backends without names.
    pub origin: Option<Origin>,
}
