//! From writable to frozen.

use std::os::fd::AsFd;

use rustix::fs::{SealFlags, fcntl_add_seals};
use rustix::io::Errno;
use shm_core::{Access, Attached, ErrorKind, Handover, Result, Sealable, Segment};
use shm_map::{Mapping, system_error};
use shm_presence::join;
use shm_presence::os::reopen;

use super::segment::MemfdSegment;

impl Sealable for MemfdSegment {
    fn is_frozen(&self) -> bool {
        self.frozen()
    }

    /// The read-only mapping comes from an `O_RDONLY` description (kernels before 6.7 refuse a
    /// shared mapping of a write-sealed `O_RDWR` descriptor) and is made first, so that nothing
    /// can fail any more once the seals are on.
    fn freeze(&self) -> Result<Attached<Self>> {
        let header = self.header().clone();
        let name = header.name().to_string();
        let fd = reopen(self.file(), Access::ReadOnly)?;
        join(&fd)?;
        let len = header.mapped_len();
        let mapping = Mapping::in_pages(fd.as_fd(), len, Access::ReadOnly, self.plan())?;
        match fcntl_add_seals(self.file(), SealFlags::WRITE | SealFlags::SEAL) {
            Ok(()) => {}
            Err(Errno::BUSY) => return Err(ErrorKind::StillWritable { name }.into()),
            Err(errno) => return Err(system_error("fcntl(F_ADD_SEALS)", name, errno)),
        }
        tracing::debug!(name, bytes = len, "frozen");
        Ok(Self::new(header, fd, Access::ReadOnly, *self.plan(), true).attached(mapping))
    }
}
