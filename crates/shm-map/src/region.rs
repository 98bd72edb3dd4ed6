//! The region of a backend whose segments are files.
#![allow(unsafe_code)] // an unsafe trait, passed on to the mapping that keeps its contract

use std::fmt;
use std::ptr::NonNull;

use shm_core::{Access, Paging, Region};

use crate::Mapping;

/// A mapping that keeps the segment `S` that it is of.
pub struct SegmentRegion<S> {
    // Dropped before the segment: a mapping is present too.
    mapping: Mapping,
    _segment: S,
}

impl<S> SegmentRegion<S> {
    /// Keeps a hold on the segment until it is unmapped.
    pub fn new(mapping: Mapping, segment: S) -> Self {
        Self { mapping, _segment: segment }
    }
}

// SAFETY: every answer is that of the mapping, which this owns.
unsafe impl<S: Send + Sync> Region for SegmentRegion<S> {
    fn start(&self) -> NonNull<u8> {
        self.mapping.start()
    }

    fn len(&self) -> usize {
        self.mapping.len()
    }

    fn access(&self) -> Access {
        self.mapping.access()
    }

    fn paging(&self) -> Paging {
        self.mapping.paging()
    }
}

impl<S> fmt::Debug for SegmentRegion<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mapping.fmt(f)
    }
}
