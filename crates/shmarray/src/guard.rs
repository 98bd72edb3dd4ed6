//! The lock of a guarded array, with the elements that it guards.
#![allow(unsafe_code)] // makes references to elements that a lock keeps others from

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use ndarray::{ArrayRef, ArrayView, ArrayViewMut, Dimension};
use shm_core::{Element, ErrorKind, Result};
use shm_sync::{ExclusiveGuard, SharedGuard, Timeout};

use crate::GuardedArray;
use crate::attachment::Attachment;

/// Who may use the elements of a guarded array, one method for each way to wait. Threads and
/// processes exclude each other. A guard of a slice or a clone locks the whole array.
///
/// A holder that dies is found within 50 milliseconds by those who wait. A forked child does not
/// hold its parent's guards: it may drop them, which does nothing, and must not use them.
///
/// As with [`std::sync::RwLock`], a thread that holds a guard or a chunk and asks for another guard
/// may wait for itself.
impl<T: Element, D: Dimension> GuardedArray<T, D> {
    /// Waits until nobody writes, and gives the elements for reading, together with other readers.
    ///
    /// # Errors
    /// [`Poisoned`](ErrorKind::Poisoned) if a writer died or panicked: see [`read_poisoned`](Self::read_poisoned);
    /// [`LimitReached`](ErrorKind::LimitReached) if there are more participants than slots;
    /// [`AccessDenied`](ErrorKind::AccessDenied) and [`Path`](ErrorKind::Path) if the segment
    /// cannot be opened anew, which an identity needs; [`Os`](ErrorKind::Os).
    #[inline]
    pub fn read(&self) -> Result<ReadGuard<'_, T, D>> {
        self.read_whole(Timeout::Forever)
    }

    /// As [`read`](Self::read), if that can be had at once.
    ///
    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut) if not; those of [`read`](Self::read).
    #[inline]
    pub fn try_read(&self) -> Result<ReadGuard<'_, T, D>> {
        self.read_whole(Timeout::NoWait)
    }

    /// As [`read`](Self::read), if that can be had in time.
    ///
    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut) if not; those of [`read`](Self::read).
    pub fn read_within(&self, time: Duration) -> Result<ReadGuard<'_, T, D>> {
        self.read_whole(Timeout::After(time))
    }

    /// As [`read`](Self::read), even if the elements may be torn: [`ReadGuard::is_poisoned`] tells.
    ///
    /// # Errors
    /// Those of [`read_within`](Self::read_within), but for `Poisoned`.
    #[inline]
    pub fn read_poisoned(&self, limit: Timeout) -> Result<ReadGuard<'_, T, D>> {
        Ok(self.read_under(self.shared().reading(limit)?))
    }

    #[inline]
    fn read_whole(&self, limit: Timeout) -> Result<ReadGuard<'_, T, D>> {
        let lock = self.shared().reading(limit)?;
        if lock.is_poisoned() { Err(self.poisoned(lock)) } else { Ok(self.read_under(lock)) }
    }

    #[inline]
    fn read_under<'a>(&'a self, lock: SharedGuard<&'a Attachment>) -> ReadGuard<'a, T, D> {
        // SAFETY: while the lock is held nobody writes: who writes a guarded array holds it alone
        // or has a chunk, which excludes readers; anything else is `unsafe` somewhere.
        let view = unsafe { self.elements_mut_of().view() };
        ReadGuard { view, lock }
    }

    /// Waits until nobody else uses the elements, and gives them for writing.
    ///
    /// # Errors
    /// [`Poisoned`](ErrorKind::Poisoned) if a writer died or panicked: see
    /// [`write_poisoned`](Self::write_poisoned); those of [`read`](Self::read).
    #[inline(always)]
    pub fn write(&self) -> Result<WriteGuard<'_, T, D>> {
        self.write_whole(Timeout::Forever)
    }

    /// As [`write`](Self::write), if that can be had at once.
    ///
    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut) if not; those of [`write`](Self::write).
    #[inline]
    pub fn try_write(&self) -> Result<WriteGuard<'_, T, D>> {
        self.write_whole(Timeout::NoWait)
    }

    /// As [`write`](Self::write), if that can be had in time.
    ///
    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut) if not; those of [`write`](Self::write).
    pub fn write_within(&self, time: Duration) -> Result<WriteGuard<'_, T, D>> {
        self.write_whole(Timeout::After(time))
    }

    /// As [`write`](Self::write), even if the elements may be torn: check them or write them anew,
    /// then say so with [`WriteGuard::set_poisoned`].
    ///
    /// ```
    /// use shmarray::prelude::*;
    ///
    /// # fn main() -> shmarray::Result<()> {
    /// let array: GuardedArray<f32, Ix1> = GuardedArray::builder(4).unique("poisoned").zeros()?;
    /// let panics = std::panic::catch_unwind(|| {
    ///     let _guard = array.write();
    ///     panic!("in the middle of it");
    /// });
    /// assert!(panics.is_err());
    /// assert!(matches!(array.write().unwrap_err().kind(), ErrorKind::Poisoned { .. }));
    ///
    /// let mut guard = array.write_poisoned(Timeout::Forever)?;
    /// guard.fill(0.0);
    /// guard.set_poisoned(false);
    /// drop(guard);
    /// assert_eq!(array.read()?.sum(), 0.0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`write_within`](Self::write_within), but for `Poisoned`.
    #[inline]
    pub fn write_poisoned(&self, limit: Timeout) -> Result<WriteGuard<'_, T, D>> {
        Ok(self.write_under(self.shared().exclusive(limit)?))
    }

    #[inline(always)] // not inlined, it costs a fifth more: the guard goes through memory
    fn write_whole(&self, limit: Timeout) -> Result<WriteGuard<'_, T, D>> {
        let lock = self.shared().exclusive(limit)?;
        if lock.is_poisoned() { Err(self.poisoned(lock)) } else { Ok(self.write_under(lock)) }
    }

    #[inline]
    fn write_under<'a>(&'a self, lock: ExclusiveGuard<&'a Attachment>) -> WriteGuard<'a, T, D> {
        // SAFETY: while the lock is held alone nobody else has a guard or a chunk of the array;
        // any other access to a guarded array is `unsafe` somewhere.
        let view = unsafe { self.elements_mut_of().view_mut() };
        WriteGuard { view, lock }
    }

    /// Whether a writer died or panicked, and nobody has mended the elements since.
    pub fn is_poisoned(&self) -> bool {
        self.shared().is_poisoned()
    }

    /// Lets go, and says why.
    #[cold]
    fn poisoned<L>(&self, lock: L) -> shm_core::Error {
        drop(lock);
        ErrorKind::Poisoned { name: self.name().to_string() }.into()
    }
}

/// The elements of a guarded array for reading, which nobody writes meanwhile.
#[must_use = "the lock is given up at once if the guard is dropped"]
pub struct ReadGuard<'a, T, D> {
    // Invariant: not handed out for longer than the lock is held.
    view: ArrayView<'a, T, D>,
    lock: SharedGuard<&'a Attachment>,
}

impl<T, D> ReadGuard<'_, T, D> {
    /// Whether the elements may be torn: a writer died or panicked.
    pub fn is_poisoned(&self) -> bool {
        self.lock.is_poisoned()
    }
}

impl<T, D: Dimension> Deref for ReadGuard<'_, T, D> {
    type Target = ArrayRef<T, D>;

    fn deref(&self) -> &ArrayRef<T, D> {
        &self.view
    }
}

/// The elements of a guarded array for writing, which nobody else uses meanwhile.
///
/// Dropped while panicking, it leaves the array poisoned, as death does.
#[must_use = "the lock is given up at once if the guard is dropped"]
pub struct WriteGuard<'a, T, D> {
    // Invariant: not handed out for longer than the lock is held.
    view: ArrayViewMut<'a, T, D>,
    lock: ExclusiveGuard<&'a Attachment>,
}

impl<T, D> WriteGuard<'_, T, D> {
    /// Whether the elements may be torn: a writer died or panicked.
    pub fn is_poisoned(&self) -> bool {
        self.lock.is_poisoned()
    }

    /// Says that the elements are whole again, or that they are not.
    pub fn set_poisoned(&mut self, poisoned: bool) {
        self.lock.set_poisoned(poisoned);
    }
}

impl<T, D: Dimension> Deref for WriteGuard<'_, T, D> {
    type Target = ArrayRef<T, D>;

    fn deref(&self) -> &ArrayRef<T, D> {
        &self.view
    }
}

impl<T, D: Dimension> DerefMut for WriteGuard<'_, T, D> {
    fn deref_mut(&mut self) -> &mut ArrayRef<T, D> {
        &mut self.view
    }
}

impl<T: Element, D: Dimension> fmt::Debug for ReadGuard<'_, T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadGuard").field("shape", &self.view.shape()).finish_non_exhaustive()
    }
}

impl<T: Element, D: Dimension> fmt::Debug for WriteGuard<'_, T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteGuard").field("shape", &self.view.shape()).finish_non_exhaustive()
    }
}
