//! A segment of any backend as mapped into this process: one attachment.

use std::ops::Range;
use std::sync::Arc;

use shm_core::Region;
use shm_presence::Identity;

use crate::backends::{AnyRegion, AnySegment};
use crate::located::{self, Findable, Located};

/// A mapped region, with the segment that it is of. All clones of a handle share one.
pub(crate) struct Attachment {
    region: AnyRegion,
    segment: AnySegment,
    /// The slot of this attachment.
    identity: Identity,
    /// Addresses of the elements' bytes.
    elements: Range<usize>,
}

impl Attachment {
    /// The region is of that segment.
    pub(crate) fn new(segment: AnySegment, region: AnyRegion) -> Arc<Self> {
        let header = segment.header();
        let elements =
            located::bytes(region.as_dyn(), header.data_offset(), header.layout().nbytes());
        let attachment = Arc::new(Self { region, segment, identity: Identity::new(), elements });
        located::enter(&attachment);
        attachment
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

impl Drop for Attachment {
    fn drop(&mut self) {
        located::leave(self);
    }
}

impl Findable for Attachment {
    fn bytes(&self) -> Range<usize> {
        self.elements.clone()
    }

    fn located(&self) -> Located {
        let header = self.segment.header();
        Located {
            name: header.name().clone(),
            backend: self.segment.kind(),
            dtype: header.dtype().clone(),
            shape: header.layout().shape().to_vec(),
            access: self.segment.access(),
            offset: 0,
        }
    }
}
