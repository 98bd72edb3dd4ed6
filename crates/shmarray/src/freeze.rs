//! From an array on memfd to a frozen one.

use std::fmt;

use ndarray::Dimension;
use shm_core::{Element, Error, Result};

use crate::mode::{Guarded, Memfd, Mode};
use crate::{Array, Detached, FrozenArray, GuardedArray, MemfdArray, SharedArray};

impl<T: Element, D: Dimension> SharedArray<T, D> {
    /// The same array, as one that can be frozen.
    ///
    /// # Errors
    /// [`BackendCannot`](shm_core::ErrorKind::BackendCannot) on other backends than `memfd`.
    pub fn into_memfd(self) -> Result<MemfdArray<T, D>> {
        Array::new(self.into_handle())
    }
}

impl<T: Element, D: Dimension> MemfdArray<T, D> {
    /// Freezes the whole array: from now on the kernel refuses every writer, here and elsewhere.
    ///
    /// Others keep their read-only mappings, and what was passed stays valid. A payload made before
    /// names a descriptor that is closed now: make a new one.
    ///
    /// # Errors
    /// [`FreezeError`], which gives the array back:
    /// [`StillWritable`](shm_core::ErrorKind::StillWritable) if anybody still maps it writable, a
    /// clone in this process and a forked child included.
    pub fn freeze(self) -> Result<FrozenArray<T, D>, FreezeError<T, D>> {
        freeze(self)
    }
}

impl<T: Element, D: Dimension> GuardedArray<T, D> {
    /// Freezes the whole array, when everybody is done: as [`MemfdArray::freeze`], and who reads
    /// from then on needs no guards.
    ///
    /// # Errors
    /// [`FreezeError`], which gives the array back:
    /// [`BackendCannot`](shm_core::ErrorKind::BackendCannot) on other backends than `memfd`;
    /// [`Poisoned`](shm_core::ErrorKind::Poisoned) if a writer died or panicked, and
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if somebody holds a guard or a chunk;
    /// [`StillWritable`](shm_core::ErrorKind::StillWritable) if anybody still maps it writable, a
    /// clone in this process and a forked child included.
    pub fn freeze(self) -> Result<FrozenArray<T, D>, FreezeError<T, D, Guarded>> {
        let whole = self.try_write().map(drop);
        match whole {
            Ok(()) => freeze(self),
            Err(error) => Err(FreezeError { detached: self.detach(), error }),
        }
    }
}

fn freeze<T, D, M>(array: Array<T, D, M>) -> Result<FrozenArray<T, D>, FreezeError<T, D, M>>
where
    T: Element,
    D: Dimension,
    M: Mode,
{
    let detached = array.detach();
    match detached.held().freeze().and_then(Array::new) {
        Ok(frozen) => Ok(frozen),
        Err(error) => Err(FreezeError { detached, error }),
    }
}

/// Why an array could not be frozen, with the array.
pub struct FreezeError<T, D, M = Memfd> {
    detached: Detached<T, D, M>,
    error: Error,
}

impl<T: Element, D: Dimension, M: Mode> FreezeError<T, D, M> {
    /// The reason.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The array, mapped again as it was.
    ///
    /// # Errors
    /// Those of [`Detached::attach`].
    pub fn into_array(self) -> Result<Array<T, D, M>> {
        self.detached.attach()
    }
}

impl<T, D, M> fmt::Debug for FreezeError<T, D, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreezeError").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<T, D, M> fmt::Display for FreezeError<T, D, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T, D, M> std::error::Error for FreezeError<T, D, M> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl<T, D, M> From<FreezeError<T, D, M>> for Error {
    fn from(error: FreezeError<T, D, M>) -> Self {
        error.error
    }
}
