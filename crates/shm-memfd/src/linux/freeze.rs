//! From writable to frozen.

use std::fmt;
use std::os::fd::AsFd;

use rustix::fs::{SealFlags, fcntl_add_seals};
use rustix::io::Errno;
use shm_core::{Access, Attached, Error, ErrorKind, Handover, Region, Result, Segment};
use shm_map::{Mapping, system_error};
use shm_presence::{join, reopen};

use super::segment::MemfdSegment;

/// Why a segment could not be frozen. It gives the segment back, unmapped but not lost.
pub struct FreezeError {
    segment: MemfdSegment,
    error: Error,
}

impl FreezeError {
    /// The reason: [`ErrorKind::StillWritable`] if somebody maps it writable.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The segment as it was, to be mapped again, and the reason.
    pub fn into_parts(self) -> (MemfdSegment, Error) {
        (self.segment, self.error)
    }
}

impl fmt::Debug for FreezeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreezeError")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for FreezeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for FreezeError {}

/// Freezes a segment: unmaps it, seals it against every writer, and maps it read-only.
///
/// The read-only mapping comes from an `O_RDONLY` description (kernels before 6.7 refuse a shared
/// mapping of a write-sealed `O_RDWR` descriptor) and is made first, so that nothing can fail any
/// more once the seals are on.
///
/// # Errors
/// [`FreezeError`] with the segment: [`ErrorKind::StillWritable`] if anybody, here or elsewhere,
/// still maps it writable; otherwise as for attaching.
pub fn freeze(attached: Attached<MemfdSegment>) -> Result<Attached<MemfdSegment>, FreezeError> {
    let Attached { region, segment } = attached;
    let (writable, len) = (region, segment.header().segment_len());
    let prepared = (|| {
        let fd = reopen(segment.fd(), Access::ReadOnly)?;
        join(fd.as_fd())?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let mapping = Mapping::file(fd.as_fd(), len, Access::ReadOnly)?;
        debug_assert_eq!(mapping.len() as u64, segment.header().segment_len());
        Ok((fd, mapping))
    })();
    drop(writable);
    let (fd, mapping) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return Err(FreezeError { segment, error }),
    };
    match fcntl_add_seals(segment.fd(), SealFlags::WRITE | SealFlags::SEAL) {
        Ok(()) => {}
        Err(errno) => {
            let name = segment.header().name().to_string();
            let error = match errno {
                Errno::BUSY => ErrorKind::StillWritable { name }.into(),
                _ => system_error("fcntl(F_ADD_SEALS)", name, errno),
            };
            return Err(FreezeError { segment, error });
        }
    }
    tracing::debug!(name = %segment.header().name(), bytes = len, "frozen");
    let header = segment.header().clone();
    Ok(MemfdSegment::new(header, fd, Access::ReadOnly, true).attached(mapping))
}
