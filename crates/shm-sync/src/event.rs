//! A counter that can be waited on: nothing is lost between looking and sleeping.

use shm_core::Result;

use crate::atomic::{AtomicU64, Ordering::SeqCst};
use crate::sleep::{Sleep, Whom};
use crate::wait::Wait;
use crate::waiter::{Stop, Waiter};

/// A count in the upper 63 bits of a word. The lowest bit says that a waiter sleeps, so that counting
/// makes a system call only then.
pub(crate) struct Event<'a>(pub(crate) &'a AtomicU64);

const WAITED_FOR: u64 = 1;

impl Event<'_> {
    /// How often it has happened.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(SeqCst) >> 1
    }

    /// Counts `times` more, and wakes the waiters. Returns the count before.
    pub(crate) fn raise(&self, system: &impl Sleep, times: u64) -> u64 {
        // Without a load first: another core mostly has the line, and would be asked for it twice.
        let seen = self.0.fetch_add(times << 1, SeqCst);
        if seen & WAITED_FOR != 0 {
            // A waiter that has gone to sleep since is woken too, and sets the bit again.
            self.0.fetch_and(!WAITED_FOR, SeqCst);
            system.wake(self.0, Whom::Readers, u32::MAX);
        }
        seen >> 1
    }

    /// Sleeps once, unless the count differs from `seen`. Tells whether it is time to ask the kernel which
    /// owners live. It may return early for no reason.
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

    /// Waits until the count differs from `seen`, and returns it.
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
