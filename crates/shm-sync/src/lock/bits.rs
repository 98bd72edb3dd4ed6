//! The bits of a lock's word.
//!
//! The high half is the generation of the exclusive holder, and the bits of the low half are
//! its slot + 1 (0..11), [`WRITERS_WAIT`] (11), [`READERS_WAIT`] (12), [`POISONED`] (13), [`CLAIMS`] (14),
//! [`INTENT`] (15) and [`MARKED`] (16).

use shm_presence::Owner;

/// A writer sleeps.
pub(super) const WRITERS_WAIT: u64 = 1 << 11;
/// A sharer sleeps.
pub(super) const READERS_WAIT: u64 = 1 << 12;
/// A holder died while it may have been writing.
pub(super) const POISONED: u64 = 1 << 13;
/// It is the claimers' turn to share.
pub(super) const CLAIMS: u64 = 1 << 14;
/// The exclusive holder has not begun to write.
pub(super) const INTENT: u64 = 1 << 15;
/// Lines may be marked. Only a writer in the word clears it, and loads them afterwards.
pub(super) const MARKED: u64 = 1 << 16;
/// The bits that outlast a holder, beside [`MARKED`].
pub(crate) const STATE: u64 = POISONED | CLAIMS;
const _: () = assert!((STATE | MARKED | INTENT | WRITERS_WAIT | READERS_WAIT) & Owner::BITS == 0);

/// Whether a lock's word says that a holder died while it may have been writing.
#[cfg(not(loom))]
pub(crate) fn is_poisoned(word: u64) -> bool {
    word & POISONED != 0
}

/// Whether the holder that a lock's word names has acquired the lock, and may write.
#[cfg(not(loom))]
pub(crate) fn is_begun(word: u64) -> bool {
    word & INTENT == 0
}

/// Whether a lock's word says that others wait for its holder.
pub(crate) fn is_waited_for(word: u64) -> bool {
    word & (WRITERS_WAIT | READERS_WAIT) != 0
}
