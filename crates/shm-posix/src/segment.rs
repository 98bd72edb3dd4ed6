//! A segment that this process has, and how it leaves it.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use shm_core::{
    Access, Attached, Cleanup, ErrorKind, Handover, Header, Identified, Result, Segment, SlotLocks,
};
use shm_map::{FileId, Mapping, PagePlan, SegmentRegion};
use shm_presence::os::reopen;
use shm_presence::{ask_others, fork, leave};

use crate::at_exit::AtExit;
use crate::os::{self, SegmentPath};
use crate::{at_exit, deferred, names};

/// What a process knows of a segment it holds. Dropping it leaves the segment for good.
#[derive(Debug)]
pub(crate) struct Membership {
    place: SegmentPath,
    header: Header,
    file: FileId,
    access: Access,
    creator: bool,
    born: u64,
    /// How often this process had forked before it opened the file.
    forks: u64,
    destroyed: AtomicBool,
}

impl Membership {
    pub(crate) fn new(
        place: SegmentPath,
        header: Header,
        file: FileId,
        access: Access,
        creator: bool,
        forks: u64,
    ) -> Self {
        let (born, destroyed) = (fork::generation(), AtomicBool::new(false));
        Self { place, header, file, access, creator, born, forks, destroyed }
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
    /// Whether anybody has asked for the description, to hand it over.
    is_lent: AtomicBool,
}

impl AtExit for Inner {
    fn leave_at_once(&self) -> Result<bool> {
        if !self.membership.removes_name() {
            return Ok(false);
        }
        if self.is_shared() {
            return Ok(true);
        }
        leave(&self.file)?;
        names::remove_if_last_at_once(&self.membership.place, self.membership.file)
    }
}

impl Inner {
    /// Whether other processes may have the description.
    fn is_shared(&self) -> bool {
        self.membership.forks != fork::count() || self.is_lent.load(Relaxed)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        at_exit::forget(self);
    }
}

impl PosixSegment {
    pub(crate) fn new(membership: Membership, file: File) -> Self {
        let inner = Arc::new(Inner { file, membership, is_lent: AtomicBool::new(false) });
        if inner.membership.removes_name() {
            deferred::look_at_exit();
            at_exit::remember(&inner);
        }
        Self(inner)
    }

    /// Whether anybody is present through another description than this one.
    ///
    /// # Errors
    /// [`ErrorKind::Os`].
    pub fn has_others(&self) -> Result<bool> {
        ask_others(&self.0.file)
    }

    pub(crate) fn attached(self, mapping: Mapping) -> Attached<Self> {
        Attached { region: self.region(mapping), segment: self }
    }

    /// Opens the name, if that leads to this file.
    fn open_by_name(&self) -> Option<File> {
        let membership = &self.0.membership;
        let file = membership.place.open(Access::ReadWrite).ok()?;
        let stat = membership.place.check(&file).ok()?;
        (stat.id == membership.file).then_some(file)
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
        let stat = os::stat(&inner.file, || inner.membership.place.to_string())?;
        let has = stat.len;
        if has < needs {
            return Err(ErrorKind::Truncated { what: "segment", needs, has }.into());
        }
        let len = inner.membership.header.mapped_len();
        let plan = PagePlan::of_segment(&stat, &inner.membership.header);
        let mapping = Mapping::in_pages(&inner.file, len, inner.membership.access, &plan)?;
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
        self.0.is_lent.store(true, Relaxed);
        &self.0.file
    }
}

impl Identified for PosixSegment {
    fn slot_locks(&self) -> Result<SlotLocks<&File>> {
        Ok(SlotLocks { file: &self.0.file, first: 0 })
    }

    /// Where the system cannot open a file by its descriptor, by its name, if it still has it.
    fn open_locks(&self) -> Result<SlotLocks> {
        let file = match reopen(&self.0.file, Access::ReadWrite) {
            Err(error) if matches!(error.kind(), ErrorKind::Path { .. }) => {
                self.open_by_name().ok_or(error)?
            }
            result => result?,
        };
        Ok(SlotLocks { file, first: 0 })
    }
}
