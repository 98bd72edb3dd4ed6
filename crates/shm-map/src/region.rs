//! A segment mapped into this process: the one region of every backend.
#![allow(unsafe_code)] // an unsafe trait, passed on to the mapping that keeps its contract

use std::any::Any;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use shm_core::{Access, Paging, Region};

use crate::mapping::Mapping;

/// A mapping that keeps the segment that it is of.
pub struct SegmentRegion {
    // Dropped before the segment: a mapping is present too.
    mapping: Memory,
    _segment: Arc<dyn Any + Send + Sync>,
}

/// Who else uses a mapping.
enum Memory {
    Own(Mapping),
    Shared(Arc<Mapping>),
}

impl SegmentRegion {
    /// A mapping of its own. It keeps the segment until it is unmapped.
    pub fn new(mapping: Mapping, segment: Arc<impl Any + Send + Sync>) -> Self {
        Self { mapping: Memory::Own(mapping), _segment: segment }
    }

    /// A mapping that other regions of the segment have too.
    pub fn shared(mapping: Arc<Mapping>, segment: Arc<impl Any + Send + Sync>) -> Self {
        Self { mapping: Memory::Shared(mapping), _segment: segment }
    }

    fn mapping(&self) -> &Mapping {
        match &self.mapping {
            Memory::Own(mapping) => mapping,
            Memory::Shared(mapping) => mapping,
        }
    }
}

// SAFETY: every answer is that of one mapping, which this keeps, and which never changes.
unsafe impl Region for SegmentRegion {
    fn start(&self) -> NonNull<u8> {
        self.mapping().start()
    }

    fn len(&self) -> usize {
        self.mapping().len()
    }

    fn access(&self) -> Access {
        self.mapping().access()
    }

    fn paging(&self) -> Paging {
        self.mapping().paging()
    }
}

impl fmt::Debug for SegmentRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mapping().fmt(f)
    }
}
