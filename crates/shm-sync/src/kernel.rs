//! The system for real: by itself for sleeping and waking, through an attachment for liveness too.

use std::time::Duration;

use shm_core::Result;
use shm_presence::{Owner, is_held};

use crate::atomic::{AtomicU64, Ordering::SeqCst};
use crate::liveness::Liveness;
use crate::os;
use crate::shared::SharedWords;
use crate::sleep::{Sleep, Whom};
use crate::words::low_half;

/// The system, as far as no attachment is needed.
pub(crate) struct Kernel;

impl Sleep for Kernel {
    fn wait(&self, word: &AtomicU64, seen: u64, whom: Whom, until: Duration) -> Result<bool> {
        os::sleep_on(word, seen, whom, until)
    }

    fn now(&self) -> Duration {
        os::now()
    }

    fn wake(&self, word: &AtomicU64, whom: Whom, count: u32) {
        os::wake(word, whom, count);
    }
}

impl<A: SharedWords> Sleep for A {
    fn wait(&self, word: &AtomicU64, seen: u64, whom: Whom, until: Duration) -> Result<bool> {
        Kernel.wait(word, seen, whom, until)
    }

    fn now(&self) -> Duration {
        Kernel.now()
    }

    fn wake(&self, word: &AtomicU64, whom: Whom, count: u32) {
        Kernel.wake(word, whom, count);
    }
}

impl<A: SharedWords> Liveness for A {
    fn is_alive(&self, owner: Owner) -> Result<bool> {
        let Some(line) = self.words().lines().get(owner.slot() as usize) else { return Ok(false) };
        if low_half(line.holder.load(SeqCst)) != owner.generation() {
            return Ok(false);
        }
        is_held(self.slot_locks()?, owner.slot())
    }
}
