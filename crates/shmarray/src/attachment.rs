//! A segment of any backend as mapped into this process: one attachment.

use std::ops::Range;
use std::sync::Arc;

use shm_core::Region;
use shm_presence::Identity;

use crate::backends::AnySegment;
use crate::located::{self, Findable, Located};

/// A mapped region, with the segment that it is of. All clones of a handle share one.
pub(crate) struct Attachment<R: Region + ?Sized> {
    segment: AnySegment,
    /// The slot of this attachment.
    identity: Identity,
    /// Addresses of the elements' bytes.
    elements: Range<usize>,
    region: R,
}

impl<R: Region + 'static> Attachment<R> {
    /// The region is of that segment.
    pub(crate) fn new(segment: AnySegment, region: R) -> Arc<Self> {
        let header = segment.header();
        let elements = located::bytes(&region, header.data_offset(), header.layout().nbytes());
        let attachment = Arc::new(Self { segment, identity: Identity::new(), elements, region });
        located::enter(&attachment);
        attachment
    }
}

impl<R: Region + ?Sized> Attachment<R> {
    pub(crate) fn segment(&self) -> &AnySegment {
        &self.segment
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(crate) fn region(&self) -> &R {
        &self.region
    }
}

impl<R: Region + ?Sized> Drop for Attachment<R> {
    fn drop(&mut self) {
        located::leave(self);
    }
}

impl<R: Region + ?Sized> Findable for Attachment<R> {
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
