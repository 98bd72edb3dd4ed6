//! A seat at the barrier of an array.

use std::fmt;

use shm_core::{ErrorKind, Result};
use shm_presence::Owner;

use crate::barrier::{Barrier, Blocked, Taken};
use crate::shared::{Shared, SharedWords};
use crate::wait::Wait;

impl<A: SharedWords> Shared<A> {
    /// Takes a seat at the array's barrier, which is for `size` participants. Each thread that waits
    /// takes a seat of its own. If the barrier is broken, this waits until all participants that were
    /// told have left their seats.
    ///
    /// # Errors
    /// [`InvalidBarrier`](shm_core::ErrorKind::InvalidBarrier) for 0 participants, or more than
    /// there are slots; if others use it for another number; if all seats are taken.
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if the timeout passes;
    /// [`Interrupted`](shm_core::ErrorKind::Interrupted) if the hook gives up.
    pub fn seat<'w>(self, size: u32, wait: impl Into<Wait<'w>>) -> Result<Seat<A>> {
        let most = u32::try_from(self.lines().len()).unwrap_or(u32::MAX);
        if size == 0 || size > most {
            return Err(self.invalid(format!("{size} participants; there can be 1 to {most}")));
        }
        let me = self.me()?;
        let taken = barrier(&self, size).join(me, self.kernel(), wait.into());
        let taken = taken.map_err(|blocked| self.blocked(blocked, size))?;
        Ok(Seat { shared: self, me, taken, size })
    }

    fn invalid(&self, reason: String) -> shm_core::Error {
        let name = self.header().name().to_string();
        ErrorKind::InvalidBarrier { name, reason }.into()
    }

    fn blocked(&self, blocked: Blocked, size: u32) -> shm_core::Error {
        match blocked {
            Blocked::Size(other) => {
                self.invalid(format!("{size} participants, others use it for {other}"))
            }
            Blocked::Full => self.invalid(format!("all {size} seats are taken")),
            Blocked::Broken(broken) => {
                let name = self.header().name().to_string();
                let how = broken.how.as_str();
                ErrorKind::BarrierBroken { name, slot: broken.slot, how }.into()
            }
            Blocked::Stop(stop) => self.stopped(stop, || "not all have come to the barrier".into()),
        }
    }
}

/// A seat at a barrier. Dropping it leaves it. A participant that waits then, or comes to wait before
/// the seat is taken again, is told that the barrier is broken.
#[must_use = "a seat that is dropped breaks the barrier for the others"]
pub struct Seat<A: SharedWords> {
    shared: Shared<A>,
    me: Owner,
    taken: Taken,
    size: u32,
}

impl<A: SharedWords> Seat<A> {
    /// Waits until all participants wait. What they wrote before, this one sees afterwards. True in
    /// exactly one of them: the last to arrive.
    ///
    /// # Errors
    /// [`BarrierBroken`](shm_core::ErrorKind::BarrierBroken), with the slot, if one of them died,
    /// left or gave up; [`TimedOut`](shm_core::ErrorKind::TimedOut) if the timeout passes,
    /// [`Interrupted`](shm_core::ErrorKind::Interrupted) if the hook gives up: then the barrier is
    /// broken for all. [`ForkedChild`](shm_core::ErrorKind::ForkedChild) for a copy in
    /// a forked child.
    pub fn wait<'w>(&mut self, wait: impl Into<Wait<'w>>) -> Result<bool> {
        if !self.shared.is_mine(self.me) {
            let operation = "waiting at a barrier on its parent's seat";
            return Err(ErrorKind::ForkedChild { operation }.into());
        }
        let barrier = barrier(&self.shared, self.size);
        let waited = barrier.wait(self.me, &mut self.taken, self.shared.kernel(), wait.into());
        waited.map_err(|blocked| self.shared.blocked(blocked, self.size))
    }

    /// Number of participants.
    pub fn size(&self) -> u32 {
        self.size
    }
}

fn barrier<A: SharedWords>(shared: &Shared<A>, size: u32) -> Barrier<'_> {
    Barrier { words: &shared.area().barrier, lines: shared.lines(), size }
}

impl<A: SharedWords> Drop for Seat<A> {
    fn drop(&mut self) {
        if self.shared.is_mine(self.me) {
            let barrier = barrier(&self.shared, self.size);
            barrier.leave(self.me, &self.taken, self.shared.kernel());
        }
    }
}

impl<A: SharedWords> fmt::Debug for Seat<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat")
            .field("taken", &self.taken)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}
