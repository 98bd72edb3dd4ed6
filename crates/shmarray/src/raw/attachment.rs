//! A raw segment as mapped into this process, and which of its bytes an array shows.

use std::sync::Arc;

use ndarray::Dimension;
use shm_core::{Element, Layout, Result, Window};
use shm_ndarray::ElementSpan;
use shm_posix::RawSegment;

use crate::addresses::{Belongs, Located, Registration};

/// A raw segment, which is found by its addresses.
pub(super) struct RawAttachment {
    _registration: Registration, // dropped before the segment
    pub(super) segment: RawSegment,
}

impl RawAttachment {
    pub(super) fn new(segment: RawSegment, span: &RawSpan, located: Located) -> Arc<Self> {
        let (len, owner) = (span.layout.nbytes(), Belongs::ToRaw(Arc::new(located)));
        let _registration = Registration::new(segment.region(), span.offset, len, owner);
        Arc::new(Self { _registration, segment })
    }
}

/// Which bytes of a segment an array shows.
#[derive(Clone)]
pub(super) struct RawSpan {
    pub(super) layout: Layout,
    pub(super) offset: u64,
    pub(super) window: Window,
}

impl RawSpan {
    pub(super) fn elements<T: Element, D: Dimension>(&self) -> Result<ElementSpan<T, D>> {
        ElementSpan::raw(&self.layout, self.offset, &self.window)
    }
}
