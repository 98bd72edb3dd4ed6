//! The lock of a guarded array whose type is known at run time only: owned guards.

use std::fmt;
use std::sync::Arc;

use shm_core::{Error, ErrorKind, Result};
use shm_sync::{ExclusiveGuard, Shared, SharedGuard, Wait};

use super::ErasedArray;
use super::elements::{ErasedElements, ErasedElementsMut};
use crate::attachment::Attachment;

impl ErasedArray {
    /// Waits until nobody writes, and gives the elements for reading, as
    /// [`GuardedArray::read_owned`](crate::GuardedArray::read_owned).
    ///
    /// # Errors
    /// [`GuardMismatch`](ErrorKind::GuardMismatch) if it is not guarded;
    /// [`AccessDenied`](ErrorKind::AccessDenied) if this process may only read it, which cannot take the
    /// lock; those of [`GuardedArray::read_within`](crate::GuardedArray::read_within).
    pub fn read_within<'w>(&self, wait: impl Into<Wait<'w>>) -> Result<ErasedReadGuard> {
        let guard = self.read_poisoned(wait)?;
        if guard.is_poisoned() { Err(self.poisoned(guard)) } else { Ok(guard) }
    }

    /// As [`read_within`](Self::read_within), even if the array is poisoned.
    ///
    /// # Errors
    /// Those of [`read_within`](Self::read_within), but for `Poisoned`.
    pub fn read_poisoned<'w>(&self, wait: impl Into<Wait<'w>>) -> Result<ErasedReadGuard> {
        let lock = self.guarded_words()?.reading(wait)?;
        Ok(ErasedReadGuard { array: self.clone(), lock })
    }

    /// Waits until nobody else uses the elements, and gives them for writing, as
    /// [`GuardedArray::write_owned`](crate::GuardedArray::write_owned).
    ///
    /// # Errors
    /// Those of [`read_within`](Self::read_within).
    pub fn write_within<'w>(&self, wait: impl Into<Wait<'w>>) -> Result<ErasedWriteGuard> {
        let guard = self.write_poisoned(wait)?;
        if guard.is_poisoned() { Err(self.poisoned(guard)) } else { Ok(guard) }
    }

    /// As [`write_within`](Self::write_within), even if the array is poisoned: check the elements or
    /// write them anew, then say so with [`ErasedWriteGuard::set_poisoned`].
    ///
    /// # Errors
    /// Those of [`read_within`](Self::read_within), but for `Poisoned`.
    pub fn write_poisoned<'w>(&self, wait: impl Into<Wait<'w>>) -> Result<ErasedWriteGuard> {
        let lock = self.guarded_words()?.exclusive(wait)?;
        Ok(ErasedWriteGuard { array: self.clone(), lock })
    }

    /// Whether a writer died or panicked, and nobody has mended the elements since.
    ///
    /// # Errors
    /// [`GuardMismatch`](ErrorKind::GuardMismatch) if it is not guarded;
    /// [`AccessDenied`](ErrorKind::AccessDenied) if this process may only read it.
    pub fn is_poisoned(&self) -> Result<bool> {
        Ok(self.guarded_words()?.is_poisoned())
    }

    pub(super) fn guarded_words(&self) -> Result<Shared<Arc<Attachment>>> {
        self.check_guarded(true)?;
        self.owned_words()
    }

    /// Gives the lock up, and says why.
    #[cold]
    pub(crate) fn poisoned<L>(&self, lock: L) -> Error {
        drop(lock);
        ErrorKind::Poisoned { name: self.name().to_string() }.into()
    }
}

/// The elements of a guarded array for reading, which nobody writes meanwhile. It keeps the array
/// attached.
#[must_use = "the lock is given up at once if the guard is dropped"]
pub struct ErasedReadGuard {
    array: ErasedArray,
    lock: SharedGuard<Arc<Attachment>>,
}

impl ErasedReadGuard {
    /// The elements that the handle shows which gave this.
    pub fn elements(&self) -> ErasedElements<'_> {
        ErasedElements::new(&self.array)
    }

    /// Whether the elements may be half written: a writer died or panicked.
    pub fn is_poisoned(&self) -> bool {
        self.lock.is_poisoned()
    }
}

/// The elements of a guarded array for writing, which nobody else uses meanwhile. It keeps the array
/// attached.
///
/// Dropped while panicking, it leaves the array poisoned, as death does.
#[must_use = "the lock is given up at once if the guard is dropped"]
pub struct ErasedWriteGuard {
    array: ErasedArray,
    lock: ExclusiveGuard<Arc<Attachment>>,
}

impl ErasedWriteGuard {
    /// The elements that the handle shows which gave this.
    pub fn elements(&self) -> ErasedElementsMut<'_> {
        ErasedElementsMut::new(&self.array)
    }

    /// Whether the elements may be half written: a writer died or panicked.
    pub fn is_poisoned(&self) -> bool {
        self.lock.is_poisoned()
    }

    /// Says that the elements are whole again, or that they are not.
    pub fn set_poisoned(&mut self, poisoned: bool) {
        self.lock.set_poisoned(poisoned);
    }
}

impl fmt::Debug for ErasedReadGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErasedReadGuard").field("array", &self.array).finish_non_exhaustive()
    }
}

impl fmt::Debug for ErasedWriteGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErasedWriteGuard").field("array", &self.array).finish_non_exhaustive()
    }
}
