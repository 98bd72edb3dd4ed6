//! From an array on memfd to a frozen one.

use std::fmt;

use ndarray::Dimension;
use shm_core::{Access, Element, Error, ErrorKind, Result};
use shm_sync::Timeout;

use crate::any_array::AnyArray;
use crate::array::{FrozenArray, GuardedArray, MemfdArray, SharedArray};
use crate::detached::Detached;
use crate::erased::ErasedArray;

impl<T: Element, D: Dimension> SharedArray<T, D> {
    /// The same array, as one that can be frozen.
    ///
    /// # Errors
    /// [`BackendCannot`](shm_core::ErrorKind::BackendCannot) on other backends than `memfd`.
    pub fn into_memfd(self) -> Result<MemfdArray<T, D>> {
        self.erased().typed()
    }
}

impl<T: Element, D: Dimension> MemfdArray<T, D> {
    /// Freezes the whole array: from now on the kernel refuses every writer, here and elsewhere.
    ///
    /// Other processes keep their read-only mappings, and fds that were handed over stay valid. A payload made before
    /// names a descriptor that is closed now: make a new one.
    ///
    /// # Errors
    /// [`FreezeError`], which gives the array back:
    /// [`StillWritable`](ErrorKind::StillWritable) if anybody still maps it writable, a clone in this
    /// process and a forked child included.
    pub fn freeze(self) -> Result<FrozenArray<T, D>, FreezeError<Self>> {
        freeze(self)
    }
}

impl<T: Element, D: Dimension> GuardedArray<T, D> {
    /// Freezes the whole array, when everybody is done: as [`MemfdArray::freeze`]. Readers
    /// need no guards from then on.
    ///
    /// # Errors
    /// [`FreezeError`], which gives the array back:
    /// [`BackendCannot`](ErrorKind::BackendCannot) on other backends than `memfd`;
    /// [`Poisoned`](ErrorKind::Poisoned) if a writer died or panicked, and
    /// [`TimedOut`](ErrorKind::TimedOut) if somebody holds a guard or a chunk;
    /// [`StillWritable`](ErrorKind::StillWritable) if anybody still maps it writable, a clone in this
    /// process and a forked child included.
    pub fn freeze(self) -> Result<FrozenArray<T, D>, FreezeError<Self>> {
        freeze(self)
    }
}

impl ErasedArray {
    /// Freezes the whole array: as [`MemfdArray::freeze`], or [`GuardedArray::freeze`] if it is
    /// guarded.
    ///
    /// # Errors
    /// [`FreezeError`], which gives the array back: [`AccessDenied`](ErrorKind::AccessDenied) if it is
    /// attached for reading, or frozen already; those of [`GuardedArray::freeze`].
    pub fn freeze(self) -> Result<Self, FreezeError<Self>> {
        freeze(self)
    }
}

fn freeze<A: AnyArray, F: AnyArray>(array: A) -> Result<F, FreezeError<A>> {
    let checked = check(array.as_erased());
    let detached = Detached::new(array);
    match checked.and_then(|()| detached.freeze()).and_then(F::from_erased) {
        Ok(frozen) => Ok(frozen),
        Err(error) => Err(FreezeError { detached, error }),
    }
}

/// That this process is done with it. Of others, the kernel knows.
fn check(array: &ErasedArray) -> Result<()> {
    array.check_access(Access::ReadWrite)?;
    if array.is_guarded() {
        drop(array.write_within(Timeout::NoWait)?);
    }
    array.segment().check_sealable()?;
    if array.is_only_handle() {
        return Ok(());
    }
    Err(ErrorKind::StillWritable { name: array.name().to_string() }.into())
}

/// Why an array could not be frozen, with the array.
pub struct FreezeError<A> {
    detached: Detached<A>,
    error: Error,
}

impl<A: AnyArray> FreezeError<A> {
    /// The reason.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The array, mapped again as it was.
    ///
    /// # Errors
    /// Those of [`Detached::attach`].
    pub fn into_array(self) -> Result<A> {
        self.detached.attach()
    }
}

impl<A> fmt::Debug for FreezeError<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreezeError").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<A> fmt::Display for FreezeError<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<A> std::error::Error for FreezeError<A> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl<A> From<FreezeError<A>> for Error {
    fn from(error: FreezeError<A>) -> Self {
        error.error
    }
}
