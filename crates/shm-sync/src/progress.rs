//! A counter that watchers wait on.

use std::fmt;

use shm_core::Result;

use crate::event::Event;
use crate::shared::{Shared, SharedWords};
use crate::wait::Wait;
use crate::waiter::Waiter;

impl<A: SharedWords> Shared<A> {
    /// The array's progress counter.
    pub fn progress(self) -> ProgressCounter<A> {
        ProgressCounter { shared: self }
    }
}

/// The progress counter of an array: it starts at 0, only grows, and has 63 bits. The processes that
/// share the array agree on what it counts. Watchers sleep until it changes.
#[derive(Clone, Copy)]
pub struct ProgressCounter<A> {
    shared: Shared<A>,
}

impl<A: SharedWords> ProgressCounter<A> {
    /// The count. What others wrote before they counted, this process sees afterwards.
    pub fn get(&self) -> u64 {
        self.event().count()
    }

    /// Counts `steps` more, and wakes the watchers. Returns the count before. Makes a system call only if
    /// a watcher sleeps.
    pub fn add(&self, steps: u64) -> u64 {
        self.event().raise(self.shared.kernel(), steps)
    }

    /// Waits until the count differs from `seen`, and returns it.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if the timeout passes;
    /// [`Interrupted`](shm_core::ErrorKind::Interrupted) if the hook gives up;
    /// [`Os`](shm_core::ErrorKind::Os).
    pub fn wait_past<'w>(&self, seen: u64, wait: impl Into<Wait<'w>>) -> Result<u64> {
        let past = self.event().wait_past(self.shared.kernel(), seen, wait.into());
        past.map_err(|stop| self.shared.stopped(stop, || "no progress was made".into()))
    }

    /// Waits until `is_so` says true. It is asked at once, and again after each count.
    ///
    /// # Errors
    /// Those of [`wait_past`](Self::wait_past).
    pub fn wait_until<'w>(
        &self,
        is_so: impl Fn() -> bool,
        wait: impl Into<Wait<'w>>,
    ) -> Result<()> {
        let mut waiter = Waiter::new(wait.into());
        loop {
            let seen = self.get();
            if is_so() {
                return Ok(());
            }
            let slept = self.event().sleep(self.shared.kernel(), &mut waiter, seen);
            slept.map_err(|stop| {
                self.shared.stopped(stop, || "what it waits for has not come about".into())
            })?;
        }
    }

    fn event(&self) -> Event<'_> {
        Event(&self.shared.area().progress.count)
    }
}

impl<A: SharedWords> fmt::Debug for ProgressCounter<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProgressCounter").field(&self.get()).finish()
    }
}
