//! The slot of this process in an array: taken before it is needed, or known to be out of reach.

use std::fs::File;

use ndarray::Dimension;
use shm_core::{Access, Element, ErrorKind, Result};
use shm_sync::SharedWords;

use crate::any_array::sealed::AnyArray;
use crate::array::Array;
use crate::erased::ErasedArray;
use crate::mode::Joint;

impl<T: Element, D: Dimension, M: Joint> Array<T, D, M> {
    /// Takes a slot of the array for this process now, if it has none, instead of at its first guard,
    /// chunk or seat: those need a file that only who owns the segment may open afresh.
    ///
    /// A process calls it before it gives up its privileges. All clones of this handle share the slot,
    /// until the last is dropped; a forked child has none, and takes its own.
    ///
    /// ```
    /// use shmarray::prelude::*;
    ///
    /// # fn main() -> shmarray::Result<()> {
    /// let array: GuardedArray<f32, Ix1> = GuardedArray::builder(4).unique("slot").zeros()?;
    /// array.take_slot()?;
    /// assert!(array.participants()?[0].is_me);
    /// // setgroups, setgid, setuid: from here on, locking works as before.
    /// array.write()?.fill(1.0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`NoSlot`](ErrorKind::NoSlot), with what to do, if it is too late; [`LimitReached`](ErrorKind::LimitReached) if there are more
    /// participants than slots; [`Os`](ErrorKind::Os).
    pub fn take_slot(&self) -> Result<()> {
        self.as_erased().take_slot()
    }
}

impl ErasedArray {
    /// Takes a slot of the array for this process now, as [`Array::take_slot`].
    ///
    /// # Errors
    /// [`AccessDenied`](ErrorKind::AccessDenied) if it is attached for reading; those of
    /// [`Array::take_slot`].
    pub fn take_slot(&self) -> Result<()> {
        self.owned_words()?.take_slot()
    }

    /// Sees to it that an array which is reached through guards only can be locked here; takes a slot
    /// through `locks` where this process can have no other.
    pub(crate) fn check_lockable(&self, locks: Option<File>) -> Result<()> {
        if self.access() != Access::ReadWrite {
            return Ok(());
        }
        if let Some(locks) = locks {
            match self.owned_words()?.take_slot_through(locks) {
                Err(error) if is_no_slot_left(error.kind()) && !self.is_guarded() => {}
                taken => return taken,
            }
        }
        if self.is_guarded() { self.attachment().open_locks().map(drop) } else { Ok(()) }
    }
}

/// Whether the array is as good as before to who does not lock it.
fn is_no_slot_left(kind: &ErrorKind) -> bool {
    matches!(kind, ErrorKind::LimitReached { .. })
}
