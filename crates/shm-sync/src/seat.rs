//! A place at the barrier of an array.

use std::fmt;

use shm_core::{ErrorKind, Result};
use shm_presence::Owner;

use crate::barrier::{Barrier, Blocked, Taken};
use crate::system::Timeout;
use crate::{Attachment, Shared};

impl<'a, A: Attachment> Shared<'a, A> {
    /// Takes a place at the array's barrier, which is for `size` participants. Each thread that
    /// waits takes one of its own. If the barrier is broken, this waits until all who were told
    /// have given up their places.
    ///
    /// # Errors
    /// [`InvalidBarrier`](shm_core::ErrorKind::InvalidBarrier) for 0 participants, or more than
    /// there are slots; if others use it for another number; if all places are taken.
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if the limit passes.
    pub fn seat(self, size: u32, limit: Timeout) -> Result<Seat<'a, A>> {
        let most = u32::try_from(self.lines().len()).unwrap_or(u32::MAX);
        if size == 0 || size > most {
            return Err(self.invalid(format!("{size} participants; there can be 1 to {most}")));
        }
        let me = self.me()?;
        let taken = barrier(self, size).join(me, self.kernel(), limit);
        let taken = taken.map_err(|blocked| self.blocked(blocked, size))?;
        Ok(Seat { shared: self, me, taken, size })
    }

    fn invalid(self, reason: String) -> shm_core::Error {
        let name = self.header().name().to_string();
        ErrorKind::InvalidBarrier { name, reason }.into()
    }

    fn blocked(self, blocked: Blocked, size: u32) -> shm_core::Error {
        match blocked {
            Blocked::Size(other) => {
                self.invalid(format!("{size} participants, others use it for {other}"))
            }
            Blocked::Full => self.invalid(format!("all {size} places are taken")),
            Blocked::Broken(broken) => {
                let name = self.header().name().to_string();
                let how = broken.how.as_str();
                ErrorKind::BarrierBroken { name, slot: broken.slot, how }.into()
            }
            Blocked::Stop(stop) => self.stopped(stop, || "not all have come to the barrier".into()),
        }
    }
}

/// A place at a barrier. Dropping it gives it up; whoever waits then, or comes to wait before
/// somebody else has taken it, is told that the barrier is broken.
pub struct Seat<'a, A: Attachment> {
    shared: Shared<'a, A>,
    me: Owner,
    taken: Taken,
    size: u32,
}

impl<A: Attachment> Seat<'_, A> {
    /// Waits until all participants wait. What they wrote before, this one sees afterwards. True
    /// in exactly one of them: the last to come.
    ///
    /// # Errors
    /// [`BarrierBroken`](shm_core::ErrorKind::BarrierBroken), with the slot, if one of them died,
    /// left or gave up; [`TimedOut`](shm_core::ErrorKind::TimedOut) if the limit passes: then the
    /// barrier is broken for all. [`ForkedChild`](shm_core::ErrorKind::ForkedChild) for a copy in
    /// a forked child.
    pub fn wait(&mut self, limit: Timeout) -> Result<bool> {
        if !self.shared.is_mine(self.me) {
            let operation = "waiting at a barrier on its parent's place";
            return Err(ErrorKind::ForkedChild { operation }.into());
        }
        let barrier = barrier(self.shared, self.size);
        let waited = barrier.wait(self.me, &mut self.taken, self.shared.kernel(), limit);
        waited.map_err(|blocked| self.shared.blocked(blocked, self.size))
    }

    /// Number of participants.
    pub fn size(&self) -> u32 {
        self.size
    }
}

fn barrier<A: Attachment>(shared: Shared<'_, A>, size: u32) -> Barrier<'_> {
    Barrier { words: &shared.area().barrier, lines: shared.lines(), size }
}

impl<A: Attachment> Drop for Seat<'_, A> {
    fn drop(&mut self) {
        if self.shared.is_mine(self.me) {
            let barrier = barrier(self.shared, self.size);
            barrier.leave(self.me, &self.taken, self.shared.kernel());
        }
    }
}

impl<A: Attachment> fmt::Debug for Seat<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat")
            .field("taken", &self.taken)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}
