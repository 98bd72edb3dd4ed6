//! The lock of a guarded array, with the elements that it guards.
#![allow(unsafe_code)] // makes references to elements that a lock keeps others from

use std::fmt;
use std::ops::{Deref, DerefMut};

use ndarray::{ArrayRef, ArrayView, ArrayViewMut, Dimension};
use shm_core::{Element, Result};
use shm_sync::{ExclusiveGuard, SharedGuard, Timeout, Wait};

use crate::any_array::sealed::AnyArray;
use crate::array::GuardedArray;
use crate::hold::{Borrowed, Hold, Owned};

/// Guards for the elements of a guarded array, one method for each way to wait. Threads and
/// processes exclude each other. A guard of a slice or a clone locks the whole array.
///
/// A holder that dies is found within 50 milliseconds by the waiters. A forked child does not
/// hold its parent's guards: it may drop them, which does nothing, and must not use them.
///
/// As with [`std::sync::RwLock`], a thread that holds a guard or a chunk and asks for another guard
/// may wait for itself.
impl<T: Element, D: Dimension> GuardedArray<T, D> {
    /// Waits until nobody writes, and gives the elements for reading, together with other readers.
    ///
    /// # Errors
    /// [`Poisoned`](shm_core::ErrorKind::Poisoned) if a writer died or panicked: see [`read_poisoned`](Self::read_poisoned);
    /// [`LimitReached`](shm_core::ErrorKind::LimitReached) if there are more participants than slots;
    /// [`AccessDenied`](shm_core::ErrorKind::AccessDenied) and [`Path`](shm_core::ErrorKind::Path) if the segment
    /// cannot be opened anew, which an identity needs; [`Os`](shm_core::ErrorKind::Os).
    #[inline]
    pub fn read(&self) -> Result<ReadGuard<'_, T, D>> {
        self.read_within(Timeout::Forever)
    }

    /// As [`read`](Self::read), if that can be had at once.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if not; those of [`read`](Self::read).
    #[inline]
    pub fn try_read(&self) -> Result<ReadGuard<'_, T, D>> {
        self.read_within(Timeout::NoWait)
    }

    /// As [`read`](Self::read), if that can be had in time: a `Duration`, a [`Timeout`], or a
    /// [`Wait`] with a hook.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if not; [`Interrupted`](shm_core::ErrorKind::Interrupted) if the hook
    /// gives up; those of [`read`](Self::read).
    #[inline]
    pub fn read_within<'w>(&self, wait: impl Into<Wait<'w>>) -> Result<ReadGuard<'_, T, D>> {
        let lock = self.shared::<Borrowed>().reading(wait)?;
        if lock.is_poisoned() {
            Err(self.poisoned(lock))
        } else {
            Ok(self.read_under::<Borrowed>(lock))
        }
    }

    /// As [`read_within`](Self::read_within): a guard that keeps the array attached and borrows
    /// nothing.
    ///
    /// # Errors
    /// Those of [`read_within`](Self::read_within).
    pub fn read_owned<'w>(&self, wait: impl Into<Wait<'w>>) -> Result<OwnedReadGuard<T, D>> {
        let lock = self.shared::<Owned>().reading(wait)?;
        if lock.is_poisoned() {
            Err(self.poisoned(lock))
        } else {
            Ok(self.read_under::<Owned>(lock))
        }
    }

    /// As [`read_within`](Self::read_within), even if the array is poisoned:
    /// [`ReadGuard::is_poisoned`] tells.
    ///
    /// # Errors
    /// Those of [`read_within`](Self::read_within), but for `Poisoned`.
    #[inline]
    pub fn read_poisoned<'w>(&self, wait: impl Into<Wait<'w>>) -> Result<ReadGuard<'_, T, D>> {
        Ok(self.read_under::<Borrowed>(self.shared::<Borrowed>().reading(wait)?))
    }

    #[inline]
    fn read_under<'a, H: Hold>(
        &self,
        lock: SharedGuard<H::Attachment<'a>>,
    ) -> ReadGuard<'a, T, D, H> {
        // SAFETY: while the lock is held nobody writes: a writer of a guarded array holds the lock
        // alone, or has a chunk, which excludes readers; anything else is `unsafe` somewhere. The lock
        // holds the attachment, so the elements stay mapped for as long.
        let view = unsafe { self.elements_of_mode().view() };
        ReadGuard { view, lock }
    }

    /// Waits until nobody else uses the elements, and gives them for writing.
    ///
    /// # Errors
    /// [`Poisoned`](shm_core::ErrorKind::Poisoned) if a writer died or panicked: see
    /// [`write_poisoned`](Self::write_poisoned); those of [`read`](Self::read).
    #[inline(always)]
    pub fn write(&self) -> Result<WriteGuard<'_, T, D>> {
        self.write_within(Timeout::Forever)
    }

    /// As [`write`](Self::write), if that can be had at once.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if not; those of [`write`](Self::write).
    #[inline]
    pub fn try_write(&self) -> Result<WriteGuard<'_, T, D>> {
        self.write_within(Timeout::NoWait)
    }

    /// As [`write`](Self::write), if that can be had in time: a `Duration`, a [`Timeout`], or a
    /// [`Wait`] with a hook.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if not; [`Interrupted`](shm_core::ErrorKind::Interrupted) if the hook
    /// gives up; those of [`write`](Self::write).
    #[inline(always)] // not inlined, it costs a fifth more: the guard goes through memory
    pub fn write_within<'w>(&self, wait: impl Into<Wait<'w>>) -> Result<WriteGuard<'_, T, D>> {
        let lock = self.shared::<Borrowed>().exclusive(wait)?;
        if lock.is_poisoned() {
            Err(self.poisoned(lock))
        } else {
            Ok(self.write_under::<Borrowed>(lock))
        }
    }

    /// As [`write_within`](Self::write_within): a guard that keeps the array attached and borrows
    /// nothing.
    ///
    /// # Errors
    /// Those of [`write_within`](Self::write_within).
    pub fn write_owned<'w>(&self, wait: impl Into<Wait<'w>>) -> Result<OwnedWriteGuard<T, D>> {
        let lock = self.shared::<Owned>().exclusive(wait)?;
        if lock.is_poisoned() {
            Err(self.poisoned(lock))
        } else {
            Ok(self.write_under::<Owned>(lock))
        }
    }

    /// As [`write_within`](Self::write_within), even if the array is poisoned: check the elements or
    /// write them anew, then say so with [`WriteGuard::set_poisoned`].
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
    pub fn write_poisoned<'w>(&self, wait: impl Into<Wait<'w>>) -> Result<WriteGuard<'_, T, D>> {
        Ok(self.write_under::<Borrowed>(self.shared::<Borrowed>().exclusive(wait)?))
    }

    #[inline]
    fn write_under<'a, H: Hold>(
        &self,
        lock: ExclusiveGuard<H::Attachment<'a>>,
    ) -> WriteGuard<'a, T, D, H> {
        // SAFETY: while the lock is held alone nobody else has a guard or a chunk of the array;
        // any other access to a guarded array is `unsafe` somewhere. The lock holds the attachment, so
        // the elements stay mapped for as long.
        let view = unsafe { self.elements_of_mode().view_mut() };
        WriteGuard { view, lock }
    }

    /// Whether a writer died or panicked, and nobody has mended the elements since.
    pub fn is_poisoned(&self) -> bool {
        self.shared::<Borrowed>().is_poisoned()
    }

    #[cold]
    fn poisoned<L>(&self, lock: L) -> shm_core::Error {
        self.as_erased().poisoned(lock)
    }
}

/// The elements of a guarded array for reading, which nobody writes meanwhile.
#[must_use = "the lock is given up at once if the guard is dropped"]
pub struct ReadGuard<'a, T, D, H: Hold = Borrowed> {
    // Invariant: not handed out for longer than the lock is held.
    view: ArrayView<'a, T, D>,
    lock: SharedGuard<H::Attachment<'a>>,
}

impl<T, D, H: Hold> ReadGuard<'_, T, D, H> {
    /// Whether the elements may be half written: a writer died or panicked.
    pub fn is_poisoned(&self) -> bool {
        self.lock.is_poisoned()
    }
}

impl<T, D: Dimension, H: Hold> Deref for ReadGuard<'_, T, D, H> {
    type Target = ArrayRef<T, D>;

    fn deref(&self) -> &ArrayRef<T, D> {
        &self.view
    }
}

/// A [`ReadGuard`] that keeps the array attached and borrows nothing.
pub type OwnedReadGuard<T, D> = ReadGuard<'static, T, D, Owned>;

/// The elements of a guarded array for writing, which nobody else uses meanwhile.
///
/// Dropped while panicking, it leaves the array poisoned, as death does.
#[must_use = "the lock is given up at once if the guard is dropped"]
pub struct WriteGuard<'a, T, D, H: Hold = Borrowed> {
    // Invariant: not handed out for longer than the lock is held.
    view: ArrayViewMut<'a, T, D>,
    lock: ExclusiveGuard<H::Attachment<'a>>,
}

impl<T, D, H: Hold> WriteGuard<'_, T, D, H> {
    /// Whether the elements may be half written: a writer died or panicked.
    pub fn is_poisoned(&self) -> bool {
        self.lock.is_poisoned()
    }

    /// Says that the elements are whole again, or that they are not.
    pub fn set_poisoned(&mut self, poisoned: bool) {
        self.lock.set_poisoned(poisoned);
    }
}

impl<T, D: Dimension, H: Hold> Deref for WriteGuard<'_, T, D, H> {
    type Target = ArrayRef<T, D>;

    fn deref(&self) -> &ArrayRef<T, D> {
        &self.view
    }
}

impl<T, D: Dimension, H: Hold> DerefMut for WriteGuard<'_, T, D, H> {
    fn deref_mut(&mut self) -> &mut ArrayRef<T, D> {
        &mut self.view
    }
}

/// A [`WriteGuard`] that keeps the array attached and borrows nothing.
pub type OwnedWriteGuard<T, D> = WriteGuard<'static, T, D, Owned>;

impl<T: Element, D: Dimension, H: Hold> fmt::Debug for ReadGuard<'_, T, D, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadGuard").field("shape", &self.view.shape()).finish_non_exhaustive()
    }
}

impl<T: Element, D: Dimension, H: Hold> fmt::Debug for WriteGuard<'_, T, D, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteGuard").field("shape", &self.view.shape()).finish_non_exhaustive()
    }
}
