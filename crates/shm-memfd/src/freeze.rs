//! From writable to frozen.

use shm_core::{Access, Attached, Handover, Result, Sealable, Segment};
use shm_map::Mapping;
use shm_presence::join;
use shm_presence::os::reopen;

use crate::os;
use crate::segment::MemfdSegment;

impl Sealable for MemfdSegment {
    fn is_frozen(&self) -> bool {
        self.frozen()
    }

    /// The read-only mapping comes from an `O_RDONLY` description (kernels before 6.7 refuse a
    /// shared mapping of a write-sealed `O_RDWR` descriptor) and is made first, so that nothing
    /// can fail any more once the seals are on.
    fn freeze(&self) -> Result<Attached<Self>> {
        let header = self.header().clone();
        let file = reopen(self.file(), Access::ReadOnly)?;
        join(&file)?;
        let len = header.mapped_len();
        let mapping = Mapping::in_pages(&file, len, Access::ReadOnly, self.plan())?;
        os::freeze(self.file(), header.name())?;
        tracing::debug!(name = %header.name(), bytes = len, "frozen");
        Ok(Self::new(header, file, Access::ReadOnly, *self.plan(), true).attached(mapping))
    }
}
