//! A hold on an anonymous mapping.

use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use shm_core::{Access, Attached, Header, Identified, Paging, Region, Result, Segment, SlotLocks};
use shm_map::Mapping;

use crate::lock_file::{Range, Refusal};
use crate::registry;

/// A hold on an anonymous segment. There is no OS object but the mapping, so this keeps it.
#[derive(Clone, Debug)]
pub struct AnonSegment {
    inner: Arc<Inner>,
    access: Access,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) header: Header,
    pub(crate) mapping: Mapping,
    /// Given when it is made, as children that are forked before the first lock must share it.
    pub(crate) locks: Result<Range, Box<Refusal>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        registry::withdraw(self.header.name(), Some(&raw const *self));
        tracing::debug!(name = %self.header.name(), "detached from mmap");
    }
}

impl AnonSegment {
    pub(crate) fn with_access(inner: Arc<Inner>, access: Access) -> Self {
        Self { inner, access }
    }

    pub(crate) fn attached(self) -> Result<Attached<Self>> {
        Ok(Attached { region: self.map()?, segment: self })
    }
}

impl Segment for AnonSegment {
    type Region = AnonRegion;

    fn header(&self) -> &Header {
        &self.inner.header
    }

    fn access(&self) -> Access {
        self.access
    }

    /// For writing, the mapping that there is; for reading, a read-only one of the same memory.
    fn map(&self) -> Result<AnonRegion> {
        let twin = match self.access {
            Access::ReadWrite => None,
            Access::ReadOnly => Some(self.inner.mapping.read_only_twin()?),
        };
        Ok(AnonRegion { twin, inner: Arc::clone(&self.inner) })
    }

    /// Takes its name away, in this process.
    fn destroy(&self) -> Result<()> {
        registry::withdraw(self.header().name(), Some(Arc::as_ptr(&self.inner)));
        tracing::debug!(name = %self.header().name(), "destroyed on mmap");
        Ok(())
    }
}

impl Identified for AnonSegment {
    /// Through a file that this process, or the one that it inherited the array from, made for the
    /// locks of its arrays.
    fn slot_locks(&self) -> Result<SlotLocks<'_>> {
        self.inner.locks.as_ref().map(Range::locks).map_err(|refusal| refusal.to_error())
    }
}

/// An anonymous segment as mapped into this process. It keeps the segment.
pub struct AnonRegion {
    twin: Option<Mapping>,
    inner: Arc<Inner>,
}

impl AnonRegion {
    fn mapping(&self) -> &Mapping {
        self.twin.as_ref().unwrap_or(&self.inner.mapping)
    }
}

#[allow(unsafe_code)] // an unsafe trait, passed on to the mapping that keeps its contract
// SAFETY: every answer is that of one mapping, which this owns or keeps through the Arc.
unsafe impl Region for AnonRegion {
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

impl fmt::Debug for AnonRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mapping().fmt(f)
    }
}
