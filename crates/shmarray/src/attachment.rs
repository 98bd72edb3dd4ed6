//! A segment of any backend as mapped into this process: one attachment.

use std::sync::Arc;

use shm_core::Region;
use shm_presence::Identity;

use crate::backends::{AnyRegion, AnySegment};
use crate::located::{Entry, Known};

/// A mapped region, with the segment that it is of. All clones of a handle share one.
pub(crate) struct Attachment {
    _entry: Entry, // dropped before the region
    region: AnyRegion,
    segment: AnySegment,
    /// The slot of this attachment.
    identity: Identity,
}

impl Attachment {
    /// The region is of that segment.
    pub(crate) fn new(segment: AnySegment, region: AnyRegion) -> Arc<Self> {
        let (header, known) = (segment.header(), Known::Segment(segment.clone()));
        let (offset, len) = (header.data_offset(), header.layout().nbytes());
        let entry = Entry::new(region.as_dyn(), offset, len, known);
        Arc::new(Self { _entry: entry, region, segment, identity: Identity::new() })
    }

    pub(crate) fn segment(&self) -> &AnySegment {
        &self.segment
    }

    #[inline]
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(crate) fn region(&self) -> &(dyn Region + 'static) {
        self.region.as_dyn()
    }
}
