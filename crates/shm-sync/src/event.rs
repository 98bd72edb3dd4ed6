//! A counter that can be waited on: nothing is lost between looking and sleeping.

use shm_core::Result;

use crate::atomic::{AtomicU64, Ordering::SeqCst};
use crate::system::{Sleep, Stop, Wait, Waiter, Whom};

/// A count in the upper 63 bits of a word; the lowest bit says that somebody waits, so that
/// counting costs a system call only then.
pub(crate) struct Event<'a>(pub(crate) &'a AtomicU64);

const WAITED_FOR: u64 = 1;

impl Event<'_> {
    /// How often it has happened.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(SeqCst) >> 1
    }

    /// It has happened `times` more. Returns the count before.
    pub(crate) fn raise(&self, system: &impl Sleep, times: u64) -> u64 {
        // Not after a look: the line is another's mostly, and would be asked for twice.
        let seen = self.0.fetch_add(times << 1, SeqCst);
        if seen & WAITED_FOR != 0 {
            // Whoever has gone to sleep since is woken too, and says so again.
            self.0.fetch_and(!WAITED_FOR, SeqCst);
            system.wake(self.0, Whom::Readers, u32::MAX);
        }
        seen >> 1
    }

    /// Sleeps once, unless the count is no longer `seen`; tells whether it is time to ask the
    /// kernel who lives. It may return for no reason.
    pub(crate) fn sleep(
        &self,
        system: &impl Sleep,
        waiter: &mut Waiter<'_>,
        seen: u64,
    ) -> Result<bool, Stop> {
        let word = self.0.load(SeqCst);
        if word >> 1 != seen {
            return Ok(false);
        }
        let waited_for = word | WAITED_FOR;
        if word != waited_for && self.0.compare_exchange(word, waited_for, SeqCst, SeqCst).is_err()
        {
            return Ok(false);
        }
        waiter.sleep(system, self.0, waited_for, Whom::Readers)
    }

    /// Waits until the count is no longer `seen`, and returns it.
    pub(crate) fn wait_past(
        &self,
        system: &impl Sleep,
        seen: u64,
        wait: Wait<'_>,
    ) -> Result<u64, Stop> {
        let mut waiter = Waiter::new(wait);
        loop {
            let count = self.count();
            if count != seen {
                return Ok(count);
            }
            self.sleep(system, &mut waiter, seen)?;
        }
    }
}
