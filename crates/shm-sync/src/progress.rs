//! A counter that watchers wait on.

use std::fmt;

use shm_core::Result;

use crate::event::Event;
use crate::system::Timeout;
use crate::{Attachment, Shared};

impl<'a, A: Attachment> Shared<'a, A> {
    /// The array's progress counter.
    pub fn progress(self) -> ProgressCounter<'a, A> {
        ProgressCounter { shared: self }
    }
}

/// The progress counter of an array: it only grows, and nobody has to ask again and again. What it
/// counts is for those who share the array to say. It starts at 0, and has 63 bits.
pub struct ProgressCounter<'a, A: Attachment> {
    shared: Shared<'a, A>,
}

impl<A: Attachment> ProgressCounter<'_, A> {
    /// The count. What others wrote before they counted, this process sees afterwards.
    pub fn get(&self) -> u64 {
        self.event().count()
    }

    /// Counts `steps` more, and wakes those who wait. Returns the count before. A system call is
    /// made only if somebody waits.
    pub fn add(&self, steps: u64) -> u64 {
        self.event().raise(self.shared.kernel(), steps)
    }

    /// Waits until the count is not `seen` any more, and returns it.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if the limit passes;
    /// [`Os`](shm_core::ErrorKind::Os).
    pub fn wait_past(&self, seen: u64, limit: Timeout) -> Result<u64> {
        let past = self.event().wait_past(self.shared.kernel(), seen, limit);
        past.map_err(|stop| self.shared.stopped(stop, || "no progress was made".into()))
    }

    fn event(&self) -> Event<'_> {
        Event(&self.shared.area().progress.count)
    }
}

impl<A: Attachment> Clone for ProgressCounter<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Attachment> Copy for ProgressCounter<'_, A> {}

impl<A: Attachment> fmt::Debug for ProgressCounter<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProgressCounter").field(&self.get()).finish()
    }
}
