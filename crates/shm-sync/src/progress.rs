//! A counter that watchers wait on.

use std::fmt;

use shm_core::Result;

use crate::event::Event;
use crate::system::Limit;
use crate::{Attachment, Shared};

impl<'a, A: Attachment> Shared<'a, A> {
    /// The array's progress counter.
    pub fn progress(self) -> Progress<'a, A> {
        Progress { shared: self }
    }
}

/// The progress counter of an array: it only grows, and nobody has to ask again and again. What it
/// counts is for those who share the array to say. It starts at 0, and has 63 bits.
pub struct Progress<'a, A: Attachment> {
    shared: Shared<'a, A>,
}

impl<A: Attachment> Progress<'_, A> {
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
    /// [`Locked`](shm_core::ErrorKind::Locked) if the limit passes;
    /// [`Os`](shm_core::ErrorKind::Os).
    pub fn wait_past(&self, seen: u64, limit: Limit) -> Result<u64> {
        let past = self.event().wait_past(self.shared.kernel(), seen, limit);
        past.map_err(|stop| self.shared.stopped(stop, || "no progress was made".into()))
    }

    fn event(&self) -> Event<'_> {
        Event(&self.shared.area().progress.count)
    }
}

impl<A: Attachment> Clone for Progress<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Attachment> Copy for Progress<'_, A> {}

impl<A: Attachment> fmt::Debug for Progress<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Progress").field(&self.get()).finish()
    }
}
