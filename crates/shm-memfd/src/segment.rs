//! A memfd that this process has.

use std::fs::File;
use std::sync::Arc;

use shm_core::{Access, Attached, Handover, Header, Identified, Result, Segment, SlotLocks};
use shm_map::{Mapping, PagePlan, SegmentRegion};
use shm_presence::os::reopen;

/// A memfd that this process is present in until the last clone and region are dropped.
#[derive(Clone, Debug)]
pub struct MemfdSegment(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    header: Header,
    file: File,
    access: Access,
    plan: PagePlan,
    frozen: bool,
}

impl Drop for Inner {
    fn drop(&mut self) {
        tracing::debug!(name = %self.header.name(), "detached from memfd");
    }
}

impl MemfdSegment {
    pub(crate) fn new(
        header: Header,
        file: File,
        access: Access,
        plan: PagePlan,
        frozen: bool,
    ) -> Self {
        Self(Arc::new(Inner { header, file, access, plan, frozen }))
    }

    /// The pages in which it is mapped.
    pub(crate) fn plan(&self) -> &PagePlan {
        &self.0.plan
    }

    pub(crate) fn attached(self, mapping: Mapping) -> Attached<Self> {
        Attached { region: self.region(mapping), segment: self }
    }

    fn region(&self, mapping: Mapping) -> SegmentRegion {
        SegmentRegion::new(mapping, Arc::clone(&self.0))
    }

    pub(crate) fn frozen(&self) -> bool {
        self.0.frozen
    }
}

impl Segment for MemfdSegment {
    type Region = SegmentRegion;

    fn header(&self) -> &Header {
        &self.0.header
    }

    fn access(&self) -> Access {
        self.0.access
    }

    fn map(&self) -> Result<SegmentRegion> {
        // It cannot have been shortened since its size was checked: F_SEAL_SHRINK.
        let len = self.0.header.mapped_len();
        let mapping = Mapping::in_pages(&self.0.file, len, self.0.access, self.plan())?;
        Ok(self.region(mapping))
    }

    /// Nothing to do: it has no name, and its memory goes with the last descriptor and mapping.
    fn destroy(&self) -> Result<()> {
        tracing::debug!(name = %self.header().name(), "destroyed on memfd");
        Ok(())
    }
}

impl Handover for MemfdSegment {
    fn file(&self) -> &File {
        &self.0.file
    }
}

impl Identified for MemfdSegment {
    fn slot_locks(&self) -> Result<SlotLocks<&File>> {
        Ok(SlotLocks { file: self.file(), first: 0 })
    }

    fn open_locks(&self) -> Result<SlotLocks> {
        let file = reopen(self.file(), Access::ReadWrite)?;
        Ok(SlotLocks { file, first: 0 })
    }
}
