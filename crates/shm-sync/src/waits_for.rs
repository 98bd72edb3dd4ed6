//! What a participant waits for, noted in its line before it sleeps: a hint for onlookers
//! ([`Snapshot`](crate::Snapshot)). No algorithm reads it, so the models leave it out.
//!
//! Bits 0..11 and the high half name an owner, if the wait is for one; bits 11..14 say what for. Threads of a
//! participant share its line. The note is that of the last one to go to sleep, and another thread's
//! comes back with that thread's next sleep.

use std::sync::atomic::Ordering::Relaxed;

use shm_presence::Owner;

use crate::words::Line;

/// What a participant waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitsFor {
    /// The exclusive holder of the lock.
    Holder = 1,
    /// Readers, or holders of chunks, that share the lock.
    Sharers = 2,
    /// The holders of the last chunks of a round.
    Chunks = 3,
    /// Those who have a seat at the barrier and have not arrived. There may be fewer than it is for: the
    /// others have no seat yet.
    Arrivals = 4,
    /// Those who have a seat at a broken barrier, to leave it.
    Seats = 5,
}

impl WaitsFor {
    #[cfg(not(loom))]
    pub(crate) fn of(note: u64) -> Option<Self> {
        let all = [Self::Holder, Self::Sharers, Self::Chunks, Self::Arrivals, Self::Seats];
        all.into_iter().find(|what| note >> Owner::SLOT_BITS & KINDS == *what as u64)
    }
}

const KINDS: u64 = 7;

/// The note of one wait: taken back when the wait ends.
pub(crate) struct Note<'a> {
    line: Option<&'a Line>,
    bits: u64,
}

impl<'a> Note<'a> {
    /// A wait that notes nothing.
    pub(crate) const NONE: Self = Self { line: None, bits: 0 };

    /// A wait of that owner.
    pub(crate) fn of(lines: &'a [Line], me: Owner) -> Self {
        Self { line: lines.get(me.slot() as usize), bits: 0 }
    }

    /// Says what the wait is for, and for whom if that is one.
    pub(crate) fn write(&mut self, what: WaitsFor, whom: Option<Owner>) {
        let Some(line) = self.line else { return };
        self.bits = (what as u64) << Owner::SLOT_BITS | whom.map_or(0, Owner::bits);
        line.waits_for.store(self.bits, Relaxed);
    }
}

impl Drop for Note<'_> {
    fn drop(&mut self) {
        if let Some(line) = self.line.filter(|_| self.bits != 0) {
            // Another thread's note stays.
            let _ = line.waits_for.compare_exchange(self.bits, 0, Relaxed, Relaxed);
        }
    }
}
