//! The bits of the lock's word, and how it is given up.
//!
//! The high half is the generation of the exclusive holder, and the bits of the low half are
//! its slot + 1 (0..11), [`WRITERS_WAIT`] (11), [`READERS_WAIT`] (12), [`POISONED`] (13), [`CLAIMS`] (14),
//! [`INTENT`] (15) and [`MARKED`] (16).

use shm_presence::Owner;

use crate::atomic::Ordering::SeqCst;
use crate::sleep::{Sleep, Whom};
use crate::words::LockWords;

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

/// The state of the data, as the lock was granted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Granted {
    pub(super) state: u64,
}

impl Granted {
    /// As bits beside those that name an owner in a word.
    #[inline]
    pub(crate) fn bits(self) -> u64 {
        self.state
    }

    #[inline]
    pub(crate) fn of(word: u64) -> Self {
        Self { state: word & STATE }
    }

    /// Whether a writer died or panicked, and no later one has cleared the poison.
    #[inline]
    pub(crate) fn is_poisoned(self) -> bool {
        self.state & POISONED != 0
    }

    /// Says whether the data are poisoned from now on.
    #[inline]
    pub(crate) fn set_poisoned(&mut self, poisoned: bool) {
        self.state = self.state & !POISONED | if poisoned { POISONED } else { 0 };
    }
}

impl LockWords {
    /// The rest of [`Lock::unlock`](super::Lock::unlock), where other bits are set: wakes those who wait.
    // A method of the words alone, so that no guard has to be in memory for the call.
    #[cold]
    #[inline(never)]
    pub(crate) fn unlock_and_wake(&self, me: Owner, system: &impl Sleep, granted: Granted) {
        let mut word = self.word.load(SeqCst);
        while word & Owner::BITS == me.bits() {
            let free = granted.state | word & MARKED;
            match self.word.compare_exchange(word, free, SeqCst, SeqCst) {
                Ok(_) => return self.wake(system, word),
                Err(now) => word = now,
            }
        }
    }

    /// Whether a waiter sleeps until the exclusive holder lets go.
    #[inline]
    pub(crate) fn is_waited_for(&self) -> bool {
        is_waited_for(self.word.load(SeqCst))
    }

    /// Wakes all waiters, so that each looks whether it still needs the lock. If two waiters are about to
    /// sleep, and one sets the waiting bit again in between, the other sleeps on for a tick.
    #[cold]
    pub(crate) fn wake_all(&self, system: &impl Sleep) {
        // A waiter that is about to sleep finds that the word has changed.
        self.word.fetch_and(!(WRITERS_WAIT | READERS_WAIT), SeqCst);
        system.wake(&self.word, Whom::Writers, u32::MAX);
        system.wake(&self.word, Whom::Readers, u32::MAX);
    }

    /// Wakes the sleepers that `word` tells of: all sharers, and one writer.
    pub(super) fn wake(&self, system: &impl Sleep, word: u64) {
        if word & WRITERS_WAIT != 0 {
            system.wake(&self.word, Whom::Writers, 1);
        }
        if word & READERS_WAIT != 0 {
            system.wake(&self.word, Whom::Readers, u32::MAX);
        }
    }
}

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
