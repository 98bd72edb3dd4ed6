//! The words that processes share. Owners are written in them as [`Owner::BITS`](shm_presence::Owner::BITS) says.
//!
//! Everything is a `u64` in the machine's byte order, so it is the same for 32 and 64 bits; zero is
//! the first state of every word. The layout belongs to the header's version (5):
//!
//! | in the sync area, at byte | what |
//! |---|---|
//! | 0 | lock: its word; at 8 the event "a sharer left" |
//! | 64 | barrier: its state |
//! | 128 | claims: the plan; at 136 the cursor; at 144 the event "a chunk is done or back" |
//! | 192 | progress: a counter that is an event |
//! | 256 | ring: its plan; at 264 the next item, at 272 the next to collect, at 280 the stages that anybody came to |
//! | 320 | ring: per stage, the event "a frame is ready for it" |
//! | 384 | ring: the state of each frame |
//! | 768 | zeros |
//!
//! | in a line of the slot table, at byte | what |
//! |---|---|
//! | 0 | generation `u32` (low half), pid `u32` (high half) of the slot's holder |
//! | 8 | since when it is held, in nanoseconds since 1970 |
//! | 16 | read marks: how many shared locks the holder has (low half), its generation (high half) |
//! | 24 | claim entry: owner; at 32 its task |
//! | 40 | barrier seat |
//! | 48 | what the slot's holder waits for (`waits_for.rs`): a hint |
//! | 56 | ring: the stages that the holder works at (low half), its generation (high half) |
//!
//! Claim entry `i` and seat `i` merely lie in line `i`: they belong to the owner that their word names.

use crate::atomic::AtomicU64;

/// What is in the sync area.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct SyncArea {
    pub(crate) lock: LockWords,
    pub(crate) barrier: BarrierWords,
    pub(crate) claims: ClaimWords,
    pub(crate) progress: ProgressWords,
    pub(crate) ring: RingWords,
}

#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct LockWords {
    pub(crate) word: AtomicU64,
    pub(crate) departures: AtomicU64,
}

#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct BarrierWords {
    pub(crate) state: AtomicU64,
}

#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct ClaimWords {
    pub(crate) plan: AtomicU64,
    pub(crate) cursor: AtomicU64,
    pub(crate) events: AtomicU64,
}

#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct ProgressWords {
    pub(crate) count: AtomicU64,
}

/// The most frames of a ring, and its most stages.
pub(crate) const MAX_FRAMES: usize = if cfg!(loom) { 2 } else { 48 };
pub(crate) const MAX_STAGES: usize = if cfg!(loom) { 3 } else { 8 };

#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct RingWords {
    pub(crate) plan: AtomicU64,
    pub(crate) next: AtomicU64,
    pub(crate) collected: AtomicU64,
    pub(crate) came: AtomicU64,
    pub(crate) unused: [u64; 4],
    pub(crate) events: [AtomicU64; MAX_STAGES],
    pub(crate) frames: [AtomicU64; MAX_FRAMES],
}

/// A slot of the slot table.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) holder: AtomicU64,
    pub(crate) since: AtomicU64,
    pub(crate) marks: AtomicU64,
    pub(crate) entry: Entry,
    pub(crate) seat: AtomicU64,
    /// Not one of the words that a model checker steps through.
    pub(crate) waits_for: std::sync::atomic::AtomicU64,
    pub(crate) ring: AtomicU64,
}

/// A claim's entry: its owner, and the chunk that it is about.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) owner: AtomicU64,
    pub(crate) task: AtomicU64,
}

#[cfg(not(loom))]
const _: () = {
    assert!(size_of::<SyncArea>() <= shm_core::SYNC_LEN as usize);
    assert!(size_of::<RingWords>() == 512);
    assert!(size_of::<Line>() == shm_core::SLOT_LEN as usize);
    assert!(align_of::<SyncArea>() == 64 && align_of::<Line>() == 64);
};

/// The low half of a word.
#[inline]
pub(crate) fn low_half(word: u64) -> u32 {
    let [.., a, b, c, d] = word.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}
