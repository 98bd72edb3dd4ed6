//! Raw segments: files in `/dev/shm` without a header, which other programs make and understand.

use std::fs::File;

use shm_core::{Access, Commit, ErrorKind, Header, Name, Region, Result};
use shm_map::{FileId, Mapping, commit, reserve_within};
use shm_presence::{fork, leave};

use crate::os::{self, SegmentPath, Unpublished, published};
use crate::publish::give_name;
use crate::publish_by::Publish;
use crate::{deferred, names, sweep};

/// A mapped segment of bytes that nothing describes, such as a block of Python's
/// `multiprocessing.shared_memory`.
///
/// It has no header, no presence and no [`Cleanup`](shm_core::Cleanup): dropping it unmaps, and its
/// name stays until somebody [unlinks](Self::unlink) it. Whoever else has it may shorten it at any
/// time: the next touch of what is gone is SIGBUS. See `shm_overview(7)`.
#[derive(Debug)]
pub struct RawSegment {
    mapping: Mapping,
    name: Name,
    file: FileId,
    len: u64,
    born: u64,
}

impl RawSegment {
    /// Makes a segment of `len` bytes of zeros, and at least one byte, and publishes it with its
    /// size and memory in place. `force` takes the name from whatever bears it.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`]; [`ErrorKind::NoSpace`]; [`ErrorKind::LimitReached`];
    /// [`ErrorKind::BackendRefused`]; [`ErrorKind::Os`]. Whatever fails, nothing is left behind.
    pub fn create(name: &Name, len: usize, strategy: Commit, force: bool) -> Result<Self> {
        sweep::go_on();
        deferred::look_again();
        let (place, len) = (SegmentPath::of(name), len.max(1)); // mmap(2) refuses a length of zero
        published(Publish::default(), |publish| {
            let unpublished = Unpublished::new(publish)?;
            let mapping = commit(unpublished.file(), len, strategy)?;
            let id = unpublished.id();
            give_name(&unpublished, &place, force)?;
            let file = unpublished.into_published();
            // Presence kept its temporary entry, if any, from being collected.
            if let Err(error) = leave(&file) {
                tracing::debug!(%name, %error, "a raw segment with somebody present");
            }
            tracing::debug!(%name, bytes = len, "raw segment created");
            let (name, born) = (name.clone(), fork::generation());
            Ok(Self { mapping, name, file: id, len: len as u64, born })
        })
    }

    /// Attaches to the first `needs` bytes of a segment that is there already.
    ///
    /// Unless the strategy is [`Commit::Lazy`], memory that its maker has not reserved is
    /// reserved now, where the access allows it: a touch does not fail later.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::NotASegment`], [`ErrorKind::WrongOwner`] and
    /// [`ErrorKind::AccessDenied`] for what it must not open; [`ErrorKind::NotRaw`] for a segment
    /// with a header of ours; [`ErrorKind::Truncated`] if it has fewer bytes, as it has while its
    /// maker has not given it its size yet; [`ErrorKind::NoSpace`]; [`ErrorKind::LimitReached`].
    pub fn attach(name: &Name, needs: usize, access: Access, strategy: Commit) -> Result<Self> {
        let place = SegmentPath::of(name);
        let file = place.open(access)?;
        let stat = place.check(&file)?;
        if is_ours(&place, &file)? {
            return Err(ErrorKind::NotRaw { object: place.to_string() }.into());
        }
        let (needs_bytes, len) = (needs as u64, stat.len);
        if len < needs_bytes {
            let what = "the raw segment";
            return Err(ErrorKind::Truncated { what, needs: needs_bytes, has: len }.into());
        }
        if access == Access::ReadWrite && strategy != Commit::Lazy {
            reserve_within(&file, 0..needs_bytes)?;
        }
        let mapping = Mapping::file(&file, needs, access)?;
        tracing::debug!(%name, bytes = needs, %access, "attached to a raw segment");
        let (name, file, born) = (name.clone(), stat.id, fork::generation());
        Ok(Self { mapping, name, file, len, born })
    }

    /// What is mapped of it, from its first byte.
    pub fn region(&self) -> &(dyn Region + 'static) {
        &self.mapping
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Its size in bytes, when it was created or attached.
    pub fn segment_len(&self) -> u64 {
        self.len
    }

    /// Removes its name, if it still bears it. Those attached keep their memory. See
    /// `shm_unlink(3)`.
    ///
    /// # Errors
    /// [`ErrorKind::ForkedChild`] in a child that inherited it; [`ErrorKind::AccessDenied`] if this
    /// process may not write to it; [`ErrorKind::Busy`] if another process changes the name at this
    /// moment and does not finish.
    pub fn unlink(&self) -> Result<()> {
        if self.born != fork::generation() {
            return Err(ErrorKind::ForkedChild { operation: "unlinking a raw segment" }.into());
        }
        names::remove_from(&SegmentPath::of(&self.name), self.file)
    }
}

/// Whether it begins as arrays with a header do.
fn is_ours(place: &SegmentPath, file: &File) -> Result<bool> {
    let mut start = [0; Header::MAGIC.len()];
    let len = os::read_start(file, &mut start, || place.to_string())?;
    Ok(len == start.len() && start == Header::MAGIC)
}
