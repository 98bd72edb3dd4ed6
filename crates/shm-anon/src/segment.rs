//! An anonymous mapping that this process has.

use std::fs::File;
use std::sync::Arc;

use shm_core::{Access, Attached, Header, Identified, Result, Segment, SlotLocks};
use shm_map::SegmentRegion;

use crate::lock_file::Range;
use crate::registry::{self, Array};

/// An anonymous segment that this process has. There is no OS object but the mapping, so this keeps it.
#[derive(Clone, Debug)]
pub struct AnonSegment {
    array: Arc<Array>,
    access: Access,
}

impl AnonSegment {
    pub(crate) fn with_access(array: Arc<Array>, access: Access) -> Self {
        Self { array, access }
    }

    fn locks(&self) -> Result<&Range> {
        self.array.locks.as_ref().map_err(|refusal| refusal.to_error())
    }

    pub(crate) fn attached(self) -> Result<Attached<Self>> {
        Ok(Attached { region: self.map()?, segment: self })
    }
}

impl Segment for AnonSegment {
    type Region = SegmentRegion;

    fn header(&self) -> &Header {
        &self.array.header
    }

    fn access(&self) -> Access {
        self.access
    }

    /// For writing, the mapping that there is; for reading, a read-only one of the same memory.
    fn map(&self) -> Result<SegmentRegion> {
        let (mapping, segment) = (&self.array.mapping, Arc::clone(&self.array));
        Ok(match self.access {
            Access::ReadWrite => SegmentRegion::shared(Arc::clone(mapping), segment),
            Access::ReadOnly => SegmentRegion::new(mapping.read_only_twin()?, segment),
        })
    }

    /// Takes its name away, in this process.
    fn destroy(&self) -> Result<()> {
        registry::withdraw(self.header().name(), Some(Arc::as_ptr(&self.array)));
        tracing::debug!(name = %self.header().name(), "destroyed on mmap");
        Ok(())
    }
}

impl Identified for AnonSegment {
    /// Through a file that this process, or the one that it inherited the array from, made for the
    /// locks of its arrays.
    fn slot_locks(&self) -> Result<SlotLocks<&File>> {
        self.locks().map(Range::locks)
    }

    fn open_locks(&self) -> Result<SlotLocks> {
        self.locks()?.open()
    }
}
