//! A segment that this process has, and how it leaves it.

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use shm_core::{
    Access, Attached, Cleanup, ErrorKind, Handover, Header, Identified, Result, Segment, SlotLocks,
};
use shm_map::{Mapping, SegmentRegion};
use shm_presence::fork;
use shm_presence::os::reopen;

use crate::os::{Facts, FileId, SegmentPath};
use crate::{deferred, names};

/// What a process knows of a segment it holds. Dropping it leaves the segment for good.
#[derive(Debug)]
pub(crate) struct Membership {
    place: SegmentPath,
    header: Header,
    file: FileId,
    access: Access,
    creator: bool,
    born: u64,
    destroyed: AtomicBool,
}

impl Membership {
    pub(crate) fn new(
        place: SegmentPath,
        header: Header,
        file: FileId,
        access: Access,
        creator: bool,
    ) -> Self {
        let (born, destroyed) = (fork::generation(), AtomicBool::new(false));
        Self { place, header, file, access, creator, born, destroyed }
    }

    /// Whether it is for this process to remove the name: not if it was inherited by fork.
    fn removes_name(&self) -> bool {
        self.header.cleanup() != Cleanup::Persist
            && self.born == fork::generation()
            && !self.destroyed.load(Relaxed)
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        tracing::debug!(place = %self.place, "detached from shm");
        if !self.removes_name() {
            return;
        }
        let removed = if self.creator && self.header.cleanup() == Cleanup::Owner {
            names::remove_from(&self.place, self.file)
        } else {
            deferred::leave(&self.place, self.file)
        };
        if let Err(error) = removed {
            tracing::warn!(place = %self.place, %error, "the name stays until it is collected");
        }
    }
}

/// A named segment that this process is present in until the last clone and region are dropped.
#[derive(Clone, Debug)]
pub struct PosixSegment(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The description that the data is mapped with, and that is present. Dropped first: this process
    /// must not be present any more when it asks whether it was the last.
    file: File,
    membership: Membership,
}

impl PosixSegment {
    pub(crate) fn new(membership: Membership, file: File) -> Self {
        Self(Arc::new(Inner { file, membership }))
    }

    pub(crate) fn attached(self, mapping: Mapping) -> Attached<Self> {
        Attached { region: self.region(mapping), segment: self }
    }

    fn region(&self, mapping: Mapping) -> SegmentRegion {
        SegmentRegion::new(mapping, Arc::clone(&self.0))
    }
}

impl Segment for PosixSegment {
    type Region = SegmentRegion;

    fn header(&self) -> &Header {
        &self.0.membership.header
    }

    fn access(&self) -> Access {
        self.0.membership.access
    }

    fn map(&self) -> Result<SegmentRegion> {
        let inner = &self.0;
        let needs = inner.membership.header.segment_len();
        let facts = Facts::of(&inner.file, || inner.membership.place.to_string())?;
        let has = facts.len();
        if has < needs {
            return Err(ErrorKind::Truncated { what: "segment", needs, has }.into());
        }
        let len = inner.membership.header.mapped_len();
        let plan = facts.pages(&inner.membership.header);
        let mapping = Mapping::in_pages(inner.file.as_fd(), len, inner.membership.access, &plan)?;
        Ok(self.region(mapping))
    }

    fn destroy(&self) -> Result<()> {
        let membership = &self.0.membership;
        if membership.born != fork::generation() {
            return Err(ErrorKind::ForkedChild { operation: "destroying an array" }.into());
        }
        names::remove_from(&membership.place, membership.file)?;
        membership.destroyed.store(true, Relaxed);
        Ok(())
    }
}

impl Handover for PosixSegment {
    fn file(&self) -> &File {
        &self.0.file
    }
}

impl Identified for PosixSegment {
    fn slot_locks(&self) -> Result<SlotLocks<&File>> {
        Ok(SlotLocks { file: self.file(), first: 0 })
    }

    fn open_locks(&self) -> Result<SlotLocks> {
        let file = reopen(self.file(), Access::ReadWrite)?;
        Ok(SlotLocks { file, first: 0 })
    }
}
