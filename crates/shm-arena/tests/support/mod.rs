//! A segment that an arena can be in: a memfd that grows and never becomes shorter.

#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use std::fs::File;
use std::sync::Arc;

use rustix::fs::{SealFlags, fcntl_add_seals};
use shm_core::{
    Access, DType, Handover, Header, Identified, Layout, Name, Order, Region, Result, ScalarKind,
    Segment, SlotLocks, Spec,
};
use shm_map::{Mapping, set_len, unnamed_file, write_header};
use shm_presence::os::reopen;
use shm_presence::stamp;

/// A memfd, sealed against becoming shorter.
#[derive(Clone, Debug)]
pub(crate) struct GrowingMemfd(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: File,
    header: Header,
    access: Access,
}

impl GrowingMemfd {
    /// One whose data have so many bytes, all zero.
    pub(crate) fn new(len: u64) -> Self {
        let layout = Layout::new([usize::try_from(len).unwrap()], Order::C, 1).unwrap();
        let dtype = DType::native(ScalarKind::UInt(1));
        let spec = Spec::new(Name::new("arena").unwrap(), dtype, layout);
        let header = Header::new(&spec, stamp()).unwrap();
        let file = unnamed_file(b"arena", None).unwrap();
        set_len(&file, header.segment_len()).unwrap();
        write_header(&file, &header).unwrap();
        fcntl_add_seals(&file, SealFlags::SHRINK).unwrap();
        Self(Arc::new(Inner { file, header, access: Access::ReadWrite }))
    }

    /// The same segment, opened once more.
    #[allow(dead_code)] // not every test does
    pub(crate) fn reopened(&self, access: Access) -> Self {
        let file = reopen(&self.0.file, access).unwrap();
        Self(Arc::new(Inner { file, header: self.0.header.clone(), access }))
    }
}

impl Segment for GrowingMemfd {
    type Region = Mapping;

    fn header(&self) -> &Header {
        &self.0.header
    }

    fn access(&self) -> Access {
        self.0.access
    }

    fn map(&self) -> Result<Mapping> {
        Mapping::file(&self.0.file, self.0.header.mapped_len(), self.0.access)
    }

    fn destroy(&self) -> Result<()> {
        Ok(())
    }
}

impl Handover for GrowingMemfd {
    fn file(&self) -> &File {
        &self.0.file
    }
}

impl Identified for GrowingMemfd {
    fn slot_locks(&self) -> Result<SlotLocks<&File>> {
        Ok(SlotLocks { file: &self.0.file, first: 0 })
    }

    fn open_locks(&self) -> Result<SlotLocks> {
        Ok(SlotLocks { file: reopen(&self.0.file, Access::ReadWrite)?, first: 0 })
    }
}

/// Words of the segment, through a mapping of their own, for tests that overwrite them.
#[allow(dead_code)] // not every test does
pub(crate) fn words(segment: &GrowingMemfd) -> (Mapping, *mut u64, usize) {
    let len = usize::try_from(segment.file().metadata().unwrap().len()).unwrap();
    let mapping = Mapping::file(segment.file(), len, Access::ReadWrite).unwrap();
    let start = mapping.start().as_ptr().cast();
    (mapping, start, len / 8)
}
