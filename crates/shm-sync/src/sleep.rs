//! Sleeping until a word changes, and waking those who sleep. The models have their own.

use std::time::Duration;

use shm_core::Result;

use crate::atomic::AtomicU64;

/// Which sleepers a call to [`Sleep::wake`] reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    /// Those who wait to hold a lock exclusively.
    Writers = 1,
    /// All others.
    Readers = 2,
}

/// A system on which threads sleep until a word changes.
pub(crate) trait Sleep {
    /// Sleeps until that time, unless the low half of `word` differs from that of `seen`. It may
    /// return early for no reason. Tells whether the time has passed.
    fn wait(&self, word: &AtomicU64, seen: u64, whom: Whom, until: Duration) -> Result<bool>;

    /// The time since some moment, by a clock that is never set back.
    fn now(&self) -> Duration;

    /// Wakes up to `count` of those who sleep on `word`.
    fn wake(&self, word: &AtomicU64, whom: Whom, count: u32);
}
