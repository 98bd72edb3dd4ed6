//! A segment of any backend as mapped into this process: one attachment.
#![allow(unsafe_code)] // vouches that region and header belong together, and for how long

use std::fmt;
use std::fs::File;
use std::sync::Arc;

use shm_core::{Error, ErrorKind, Header, Region, Result, SlotLocks};
use shm_map::SegmentRegion;
use shm_presence::Identity;
use shm_sync::Words;

use crate::addresses::{Belongs, Registration};
use crate::backends::segment::{AnySegment, Mapped};

/// A mapped region, with the segment that it is of. All clones of a handle share one.
pub struct Attachment {
    _registration: Registration, // dropped before the region
    // Invariant: in the mapping of `region`, which is never changed.
    words: Words<'static>,
    region: SegmentRegion,
    segment: AnySegment,
    /// The slot of this attachment.
    identity: Identity,
}

impl Attachment {
    #[inline]
    pub(crate) fn new(Mapped { segment, region }: Mapped) -> Result<Arc<Self>> {
        let header = segment.header();
        let mapped: *const (dyn Region + 'static) = &raw const region;
        // SAFETY: used in `Words::of` only. What that finds stays mapped until the region is dropped,
        // wherever it is moved to.
        let mapped: &'static dyn Region = unsafe { &*mapped };
        // SAFETY: region and header are of one segment. Of the bytes before the data, this crate
        // hands out none.
        let words = unsafe { Words::of(mapped, header) }?;
        let (offset, len) = (header.data_offset(), header.layout().nbytes());
        let owner = Belongs::ToSegment(segment.clone());
        let _registration = Registration::new(&region, offset, len, owner);
        Ok(Arc::new(Self { _registration, words, region, segment, identity: Identity::new() }))
    }

    pub(crate) fn segment(&self) -> &AnySegment {
        &self.segment
    }

    pub(crate) fn region(&self) -> &(dyn Region + 'static) {
        &self.region
    }
}

impl shm_sync::SharedWords for Attachment {
    #[inline]
    fn words(&self) -> &Words<'_> {
        &self.words
    }

    fn slot_locks(&self) -> Result<SlotLocks<&File>> {
        self.segment.slot_locks()
    }

    fn open_locks(&self) -> Result<SlotLocks> {
        self.segment.open_locks().map_err(|error| no_slot(self.header(), error))
    }

    #[inline]
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn header(&self) -> &Header {
        self.segment.header()
    }
}

/// What the refusal to open the file of the locks means for who wanted a slot.
#[cold]
fn no_slot(header: &Header, error: Error) -> Error {
    let hint = match error.kind() {
        ErrorKind::AccessDenied { .. } => {
            "call take_slot before this process gives up its privileges, in each process that it forks, \
             or have the array sent over a socket by a process that may open it"
        }
        ErrorKind::Path { .. } => "mount /proc, or make the array on another backend",
        _ => return error,
    };
    ErrorKind::NoSlot { name: header.name().to_string(), reason: error.to_string(), hint }.into()
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment").field("segment", &self.segment).finish_non_exhaustive()
    }
}
