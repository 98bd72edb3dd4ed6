//! A handle of a block.

use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use shm_core::{ErrorKind, Handover, Identified, Result};
use shm_presence::Owner;
use shm_sync::atomic::Ordering::Relaxed;

use crate::attachment::Attachment;
use crate::words::{META_LEN, Record, low_half};

/// A handle of a block: nobody frees it while this process has one.
///
/// In a forked child it is not a handle: it gives no address there, and dropping it does nothing.
pub struct Block<S: Identified + Handover> {
    arena: Arc<Attachment<S>>,
    /// The process whose marks count this handle.
    owner: Owner,
    index: usize,
    generation: u64,
    offset: u64,
    len: u64,
    meta: [u8; META_LEN],
}

/// A block that this process fills. No other process can attach to it yet. Dropped, it is free again.
#[derive(Debug)]
pub struct Draft<S: Identified + Handover>(Block<S>);

impl<S: Identified + Handover> Draft<S> {
    /// Writes the record of a block that this process has just taken.
    pub(crate) fn new(
        arena: Arc<Attachment<S>>,
        owner: Owner,
        index: usize,
        generation: u32,
        len: u64,
        meta: &[u8; META_LEN],
    ) -> Result<Self> {
        let record = &arena.table().records[index];
        // The next number that ends in those bits: a creator that died may have written none.
        let next = record.generation.load(Relaxed).wrapping_add(1);
        let generation = next.wrapping_add(generation.wrapping_sub(low_half(next)).into());
        record.generation.store(generation, Relaxed);
        record.len.store(len, Relaxed);
        for (word, bytes) in record.meta.iter().zip(meta.as_chunks().0) {
            word.store(u64::from_ne_bytes(*bytes), Relaxed);
        }
        Block::held(arena, owner, index, generation).map(Self)
    }

    /// The block, which others cannot attach to.
    pub fn block(&self) -> &Block<S> {
        &self.0
    }

    /// Whether all its bytes are zero, unless a process wrote to a block that it did not have.
    pub fn is_zero(&self) -> bool {
        let block = self.0.arena.slabs().block(self.0.index);
        self.0.generation == 1 || block.is_some_and(|(class, _)| class.is_discarded())
    }

    /// Lets others attach to it.
    ///
    /// # Errors
    /// [`ErrorKind::ForkedChild`] in a forked child.
    pub fn publish(self) -> Result<Block<S>> {
        self.0.check_process("publishing an array of its parent")?;
        self.0.arena.table().publish(self.0.index, low_half(self.0.generation));
        Ok(self.0)
    }
}

impl<S: Identified + Handover> Block<S> {
    /// The block that `owner` has just got a handle of, which is given back if the record makes no
    /// sense.
    pub(crate) fn held(
        arena: Arc<Attachment<S>>,
        owner: Owner,
        index: usize,
        generation: u64,
    ) -> Result<Self> {
        let inner = &*arena;
        let Record { len, meta: words, .. } = &inner.table().records[index];
        let len = len.load(Relaxed);
        let mut meta = [0; META_LEN];
        for (bytes, word) in meta.as_chunks_mut().0.iter_mut().zip(words) {
            *bytes = word.load(Relaxed).to_ne_bytes();
        }
        let place = inner.slabs().block(index).filter(|(class, _)| len <= class.bytes());
        let found = match &place {
            Some((_, part)) => inner.space.at(inner.segment.file(), part).map(drop),
            None => {
                let reason = format!("array {index} has no block of {len} bytes");
                Err(ErrorKind::Corrupt { what: "an arena", reason }.into())
            }
        };
        let offset = place.map_or(0, |(_, part)| part.start);
        let block = Self { arena, owner, index, generation, offset, len, meta };
        found.map(|()| block)
    }

    /// Its number in the arena.
    pub fn index(&self) -> u32 {
        u32::try_from(self.index).unwrap_or(u32::MAX)
    }

    /// Tells it from all blocks that had this number before it. Not zero.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Distance of its first byte from the segment's start, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Its length in bytes, as its creator asked for it.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no byte.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What its creator wrote into its record, copied when this handle was made.
    pub fn meta(&self) -> &[u8; META_LEN] {
        &self.meta
    }

    /// The segment of its arena.
    pub fn segment(&self) -> &S {
        &self.arena.segment
    }

    /// The address of its first byte. While this handle lives, [`len`](Self::len) bytes from there are
    /// mapped for writing and belong to this block; other processes may write them at any time.
    ///
    /// # Errors
    /// [`ErrorKind::ForkedChild`] in a forked child of the process that has the handle: its parent may
    /// have dropped the block. The child attaches by index and generation.
    pub fn start(&self) -> Result<NonNull<u8>> {
        self.check_process("using an array of its parent")?;
        let part = self.offset..self.offset + self.len;
        self.arena.space.at(self.arena.segment.file(), &part)
    }

    fn check_process(&self, operation: &'static str) -> Result<()> {
        if self.arena.is_mine(self.owner) {
            return Ok(());
        }
        Err(ErrorKind::ForkedChild { operation }.into())
    }
}

impl<S: Identified + Handover> Drop for Block<S> {
    fn drop(&mut self) {
        let inner = &*self.arena;
        inner.local.with(|_| {
            if inner.is_mine(self.owner) {
                inner.table().unmark(self.owner.slot() as usize, self.index, inner);
            }
        });
    }
}

impl<S: Identified + Handover> fmt::Debug for Block<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("index", &self.index)
            .field("generation", &self.generation)
            .field("offset", &self.offset)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
