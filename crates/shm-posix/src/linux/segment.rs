//! A hold on a segment, and how it ends.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::fs::fstat;
use shm_core::{
    Access, Attached, Cleanup, ErrorKind, Handover, Header, Identified, Result, Segment, SlotLocks,
};
use shm_map::{Mapping, PagePlan, SegmentRegion, system_error};
use shm_presence::{fork, reopen};

use super::directory::{FileId, SegmentPath};
use super::{deferred, names};

/// What a process knows of a segment it holds. Dropping it leaves the segment for good.
#[derive(Debug)]
pub(crate) struct Hold {
    place: SegmentPath,
    header: Header,
    file: FileId,
    access: Access,
    creator: bool,
    born: u64,
    destroyed: AtomicBool,
}

impl Hold {
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

impl Drop for Hold {
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

/// A hold on a named segment: present in it until the last clone and region are dropped.
#[derive(Clone, Debug)]
pub struct PosixSegment(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The description that the data is mapped with, and that is present. Dropped first: who
    /// leaves must not be present any more when he asks whether he was the last.
    file: File,
    hold: Hold,
}

impl PosixSegment {
    pub(crate) fn new(hold: Hold, fd: OwnedFd) -> Self {
        Self(Arc::new(Inner { file: fd.into(), hold }))
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
        &self.0.hold.header
    }

    fn access(&self) -> Access {
        self.0.hold.access
    }

    fn map(&self) -> Result<SegmentRegion> {
        let inner = &self.0;
        let needs = inner.hold.header.segment_len();
        let stat = fstat(&inner.file)
            .map_err(|errno| system_error("fstat", inner.hold.place.to_string(), errno))?;
        let has = stat.st_size.cast_unsigned();
        if has < needs {
            return Err(ErrorKind::Truncated { what: "segment", needs, has }.into());
        }
        let len = inner.hold.header.mapped_len();
        let plan = PagePlan::of_segment(&stat, &inner.hold.header);
        let mapping = Mapping::in_pages(inner.file.as_fd(), len, inner.hold.access, &plan)?;
        Ok(self.region(mapping))
    }

    fn destroy(&self) -> Result<()> {
        let hold = &self.0.hold;
        if hold.born != fork::generation() {
            return Err(ErrorKind::ForkedChild { operation: "destroying an array" }.into());
        }
        names::remove_from(&hold.place, hold.file)?;
        hold.destroyed.store(true, Relaxed);
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
        let file = reopen(self.file().as_fd(), Access::ReadWrite)?.into();
        Ok(SlotLocks { file, first: 0 })
    }
}
