//! One flag per region of another array, in an array of their own.

use ndarray::{Dimension, IntoDimension, NdIndex};
use shm_core::{ErrorKind, Result};
use shm_sync::Wait;
use std::sync::atomic::Ordering::{Acquire, Release};

use crate::array::Array;
use crate::mode::{Joint, Writable};
use crate::progress::Progress;

impl<D: Dimension, M: Writable + Joint> Array<u32, D, M> {
    /// Its elements as flags, one for each region of whatever they stand for.
    ///
    /// ```
    /// use shmarray::prelude::*;
    ///
    /// # fn main() -> shmarray::Result<()> {
    /// let tiles: SharedArray<u32, Ix2> = SharedArray::builder((4, 4)).unique("flags").zeros()?;
    /// let flags = tiles.flags();
    /// let seen = flags.changes();
    /// flags.set((1, 2), 1)?; // in a worker, when the tile is written
    /// let changes = flags.wait_past(seen, Timeout::Forever)?; // in a watcher
    /// assert_eq!((changes, flags.get((1, 2))), (seen + 1, Some(1)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn flags(&self) -> Flags<'_, D, M> {
        Flags { array: self }
    }
}

/// The elements of an array as flags. A process that has seen a flag sees
/// everything that another wrote before it set that flag.
#[derive(Clone, Copy, Debug)]
pub struct Flags<'a, D: Dimension, M: Writable> {
    array: &'a Array<u32, D, M>,
}

impl<D: Dimension, M: Writable + Joint> Flags<'_, D, M> {
    /// A flag, or none outside the shape.
    pub fn get(&self, index: impl IntoDimension<Dim = D>) -> Option<u32>
    where
        D: NdIndex<D>,
    {
        self.array.atomic_view().get(index.into_dimension()).map(|flag| flag.load(Acquire))
    }

    /// Sets a flag, and wakes the waiters.
    ///
    /// # Errors
    /// [`OutOfBounds`](ErrorKind::OutOfBounds) outside the shape.
    pub fn set(&self, index: impl IntoDimension<Dim = D>, value: u32) -> Result<()>
    where
        D: NdIndex<D>,
    {
        let index = index.into_dimension();
        let view = self.array.atomic_view();
        let Some(flag) = view.get(index.clone()) else {
            let (index, shape) = (index.slice(), self.array.shape());
            let reason = format!("flag {index:?} is out of bounds for an array of shape {shape:?}");
            return Err(ErrorKind::OutOfBounds { reason }.into());
        };
        flag.store(value, Release);
        self.progress().add(1);
        Ok(())
    }

    /// How many flags have been set, again ones included. It is the array's
    /// [`progress`](Array::progress) counter, which nothing else should count in.
    pub fn changes(&self) -> u64 {
        self.progress().get()
    }

    /// Sleeps until there are other changes than `seen`, and returns how many there are.
    ///
    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut) if the time is over;
    /// [`Interrupted`](ErrorKind::Interrupted) if the hook gives up; [`Os`](ErrorKind::Os).
    pub fn wait_past<'w>(&self, seen: u64, wait: impl Into<Wait<'w>>) -> Result<u64> {
        self.progress().wait_past(seen, wait)
    }

    fn progress(&self) -> Progress<'_> {
        self.array.progress()
    }
}
