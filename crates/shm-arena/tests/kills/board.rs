//! Blocks that all processes of a test know of, and what is in them.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use shm_arena::{Arena, Block, META_LEN};
use shm_core::{ErrorKind, Region};
use shm_map::Mapping;

use crate::support::GrowingMemfd;

/// Places for blocks, and counters.
const PLACES: usize = 64;
const FOREIGN: usize = PLACES;
const CHECKED: usize = PLACES + 1;

/// Memory that forked processes share, besides the arena.
pub(crate) struct Board(Mapping);

impl Board {
    pub(crate) fn new() -> Self {
        Self(Mapping::anonymous(4096).unwrap())
    }

    fn word(&self, place: usize) -> &AtomicU64 {
        assert!(place < 512);
        // SAFETY: one of the 512 words of the mapping, which is aligned to a page.
        unsafe { &*self.0.start().as_ptr().cast::<AtomicU64>().wrapping_add(place) }
    }

    /// Tells all processes of a block.
    pub(crate) fn tell(&self, roll: u64, block: &Block<GrowingMemfd>) {
        let word = u64::from(block.index()) << 32 | block.generation();
        self.word(usize::try_from(roll % PLACES as u64).unwrap()).store(word, SeqCst);
    }

    /// Attaches to a block that somebody told of, which may be gone.
    pub(crate) fn attach(
        &self,
        arena: &Arena<GrowingMemfd>,
        roll: u64,
    ) -> Option<Block<GrowingMemfd>> {
        let word = self.word(usize::try_from(roll % PLACES as u64).unwrap()).load(SeqCst);
        let index = u32::try_from(word >> 32).unwrap();
        match arena.attach_block(index, word & 0xffff_ffff) {
            Ok(block) => Some(block),
            Err(error) if matches!(error.kind(), ErrorKind::NoSuchArray { .. }) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Looks at each word of a block: it has what its creator wrote.
    pub(crate) fn check(&self, block: &Block<GrowingMemfd>) {
        let stamp = stamp(block);
        let words = usize::try_from(block.len() / 8).unwrap();
        let start = block.start().unwrap().cast::<u64>();
        for place in 0..words {
            let word = start.as_ptr().wrapping_add(place);
            // SAFETY: the word lies within the block, which is aligned to 64 bytes. Only a mistake lets another process write here, which this finds.
            if unsafe { word.read_volatile() } != stamp {
                self.word(FOREIGN).fetch_add(1, SeqCst);
            }
        }
        let meta = block.meta().as_chunks::<8>().0[0];
        if u64::from_ne_bytes(meta) != block.len() {
            self.word(FOREIGN).fetch_add(1, SeqCst);
        }
        self.word(CHECKED).fetch_add(1, SeqCst);
    }

    pub(crate) fn foreign(&self) -> u64 {
        self.word(FOREIGN).load(SeqCst)
    }

    pub(crate) fn checked(&self) -> u64 {
        self.word(CHECKED).load(SeqCst)
    }
}

/// Makes a block that is full of what tells it from every other.
pub(crate) fn make(arena: &Arena<GrowingMemfd>, len: u64) -> Block<GrowingMemfd> {
    let mut meta = [0; META_LEN];
    meta[..8].copy_from_slice(&len.to_ne_bytes());
    let draft = arena.create_block(len, 1, &meta).unwrap();
    let (start, stamp) = (draft.block().start().unwrap().cast::<u64>(), stamp(draft.block()));
    for place in 0..usize::try_from(len / 8).unwrap() {
        let word = start.as_ptr().wrapping_add(place);
        // SAFETY: the word lies within the block, which is aligned to 64 bytes; no other process has the block.
        unsafe { word.write_volatile(stamp) };
    }
    draft.publish().unwrap()
}

fn stamp(block: &Block<GrowingMemfd>) -> u64 {
    u64::from(block.index()) << 32 ^ block.generation()
}
