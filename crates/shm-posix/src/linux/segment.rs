//! A hold on a segment, and how it ends.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::fs::fstat;
use shm_core::{
    Access, Attached, Cleanup, ErrorKind, Handover, Header, Name, Region, Result, Segment,
};
use shm_map::{Mapping, system_error};
use shm_presence::fork;

use super::directory::Place;
use super::names;

/// What a process knows of a segment it holds, apart from the descriptor.
#[derive(Debug)]
pub(crate) struct Hold {
    name: Name,
    header: Header,
    access: Access,
    creator: bool,
    born: u64,
    destroyed: AtomicBool,
}

impl Hold {
    pub(crate) fn new(name: Name, header: Header, access: Access, creator: bool) -> Self {
        let (born, destroyed) = (fork::generation(), AtomicBool::new(false));
        Self {
            name,
            header,
            access,
            creator,
            born,
            destroyed,
        }
    }
}

/// A hold on a named segment: present in it until the last clone and region are dropped.
#[derive(Clone, Debug)]
pub struct PosixSegment(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    hold: Hold,
    /// The description that the data is mapped with, and that is present.
    fd: OwnedFd,
}

impl PosixSegment {
    pub(crate) fn new(hold: Hold, fd: OwnedFd) -> Self {
        Self(Arc::new(Inner { hold, fd }))
    }

    pub(crate) fn attached(self, mapping: Mapping) -> Attached<Self> {
        let region = PosixRegion {
            mapping,
            _segment: Arc::clone(&self.0),
        };
        Attached {
            region,
            segment: self,
        }
    }
}

impl Segment for PosixSegment {
    type Region = PosixRegion;

    fn header(&self) -> &Header {
        &self.0.hold.header
    }

    fn access(&self) -> Access {
        self.0.hold.access
    }

    fn map(&self) -> Result<PosixRegion> {
        let inner = &self.0;
        let needs = inner.hold.header.segment_len();
        let stat = fstat(&inner.fd)
            .map_err(|errno| system_error("fstat", inner.hold.name.to_string(), errno))?;
        let has = stat.st_size.cast_unsigned();
        if has < needs {
            return Err(ErrorKind::Truncated {
                what: "segment",
                needs,
                has,
            }
            .into());
        }
        let len = usize::try_from(needs).unwrap_or(usize::MAX);
        let mapping = Mapping::file(inner.fd.as_fd(), len, inner.hold.access)?;
        Ok(PosixRegion {
            mapping,
            _segment: Arc::clone(inner),
        })
    }

    fn destroy(&self) -> Result<()> {
        let Inner { hold, fd } = &*self.0;
        if hold.born != fork::generation() {
            return Err(ErrorKind::ForkedChild {
                operation: "destroying an array",
            }
            .into());
        }
        let file = fstat(fd).map_err(|errno| system_error("fstat", hold.name.as_str(), errno))?;
        names::remove_from(&Place::of(&hold.name), &file)?;
        hold.destroyed.store(true, Relaxed);
        Ok(())
    }
}

impl Handover for PosixSegment {
    fn fd(&self) -> BorrowedFd<'_> {
        self.0.fd.as_fd()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let Hold {
            name,
            header,
            creator,
            born,
            destroyed,
            ..
        } = &self.hold;
        let removes = match header.cleanup() {
            Cleanup::Persist => false,
            Cleanup::LastOut | Cleanup::Owner => *born == fork::generation(),
        };
        if !removes || destroyed.load(Relaxed) {
            return;
        }
        let owner_leaves = *creator && header.cleanup() == Cleanup::Owner;
        if let Err(error) = leave(&Place::of(name), &mut self.fd, owner_leaves) {
            tracing::warn!(%name, %error, "the segment's name stays until it is collected");
        }
    }
}

/// Ends presence, and removes the name if nobody else is present, or if its owner leaves.
fn leave(place: &Place, fd: &mut OwnedFd, owner_leaves: bool) -> Result<()> {
    let fail = |errno| system_error("fstat", place.to_string(), errno);
    if owner_leaves {
        return names::remove_from(place, &fstat(fd).map_err(fail)?);
    }
    // Whoever is present himself cannot see whether he is alone, and a forked child shares the
    // description: so it asks on a fresh one, opened before and locked after its own is gone.
    let fresh = match place.open(Access::ReadWrite) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound { .. }) => return Ok(()),
        result => result?,
    };
    let file = fstat(&*fd).map_err(fail)?;
    drop(std::mem::replace(fd, fresh));
    names::remove_if_last(place, fd.as_fd(), &file)
}

/// A named segment mapped into this process. It keeps the segment.
pub struct PosixRegion {
    // Dropped before the segment: whoever leaves must not be present any more when he asks.
    mapping: Mapping,
    _segment: Arc<Inner>,
}

#[allow(unsafe_code)] // an unsafe trait, passed on to the mapping that keeps its contract
// SAFETY: every answer is that of the mapping, which this owns.
unsafe impl Region for PosixRegion {
    fn start(&self) -> NonNull<u8> {
        self.mapping.start()
    }

    fn len(&self) -> usize {
        self.mapping.len()
    }

    fn access(&self) -> Access {
        self.mapping.access()
    }
}

impl fmt::Debug for PosixRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mapping.fmt(f)
    }
}
