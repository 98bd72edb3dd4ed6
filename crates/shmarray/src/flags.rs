//! One flag per region of another array, in an array of their own.

use ndarray::{Dimension, IndexLonger, IntoDimension, NdIndex};
use shm_core::{ErrorKind, Result};
use shm_sync::Wait;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

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
        self.at(index.into_dimension())?.store(value, Release);
        self.progress().add(1);
        Ok(())
    }

    /// Sets a flag to `new` if it is `current`, and wakes the waiters then. Gives what it was: as `Ok` if
    /// it was set, otherwise as `Err`.
    ///
    /// # Errors
    /// [`OutOfBounds`](ErrorKind::OutOfBounds) outside the shape.
    pub fn compare_exchange(
        &self,
        index: impl IntoDimension<Dim = D>,
        current: u32,
        new: u32,
    ) -> Result<std::result::Result<u32, u32>>
    where
        D: NdIndex<D>,
    {
        let flag = self.at(index.into_dimension())?;
        let was = flag.compare_exchange(current, new, AcqRel, Acquire);
        if was.is_ok() {
            self.progress().add(1);
        }
        Ok(was)
    }

    /// Sleeps until that flag has this value. It may have another again by the time the caller looks.
    ///
    /// ```
    /// use shmarray::prelude::*;
    ///
    /// # fn main() -> shmarray::Result<()> {
    /// let tiles: SharedArray<u32, Ix1> = SharedArray::builder(4).unique("flags").zeros()?;
    /// let flags = tiles.flags();
    /// assert_eq!(flags.compare_exchange(2, 0, 1)?, Ok(0)); // this worker takes the tile
    /// assert_eq!(flags.compare_exchange(2, 0, 1)?, Err(1)); // another would not get it
    /// flags.set(2, 2)?; // it is written
    /// flags.wait_until(2, 2, Timeout::Forever)?; // in a watcher
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`OutOfBounds`](ErrorKind::OutOfBounds) outside the shape; those of
    /// [`wait_past`](Self::wait_past).
    pub fn wait_until<'w>(
        &self,
        index: impl IntoDimension<Dim = D>,
        value: u32,
        wait: impl Into<Wait<'w>>,
    ) -> Result<()>
    where
        D: NdIndex<D>,
    {
        let flag = self.at(index.into_dimension())?;
        self.progress().wait_until(|| flag.load(Acquire) == value, wait)
    }

    /// A flag, which is in the shared memory.
    fn at(&self, index: D) -> Result<&AtomicU32>
    where
        D: NdIndex<D>,
    {
        let shape = self.array.shape();
        IndexLonger::get(&self.array.atomic_view(), index.clone()).ok_or_else(|| {
            let index = index.slice();
            let reason = format!("flag {index:?} is out of bounds for an array of shape {shape:?}");
            ErrorKind::OutOfBounds { reason }.into()
        })
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
