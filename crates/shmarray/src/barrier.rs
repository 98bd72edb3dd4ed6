//! The barrier of an array: phases in which nobody is ahead of the others.
#![allow(unsafe_code)] // vouches that a joint mode can write

use ndarray::Dimension;
use shm_core::{Element, Result};
use shm_sync::{Seat, Shared, Timeout, Wait};

use crate::any_array::sealed::AnyArray;
use crate::array::Array;
use crate::erased::ErasedArray;
use crate::hold::{Borrowed, Hold, Owned};
use crate::mode::Joint;

impl<T: Element, D: Dimension, M: Joint> Array<T, D, M> {
    /// A seat at the array's barrier, which is for `size` participants. Each process takes a seat of
    /// its own, and so does each thread that waits; a seat is not shared, as std's barrier is.
    ///
    /// After it, every participant sees what the others wrote before they waited: write, [`wait`](Barrier::wait), read.
    ///
    /// If the barrier is broken, this waits until all participants have dropped their seats (the
    /// own one first); after 2 seconds it gives up. Then it may be for another number of them.
    ///
    /// ```
    /// use shmarray::prelude::*;
    ///
    /// /// The same in each of `workers` processes.
    /// fn work(grid: &SharedArray<f64, Ix1>, workers: u32, me: usize) -> shmarray::Result<f64> {
    ///     let mut seat = grid.barrier(workers)?;
    ///     grid.set(me, 1.0)?;
    ///     if let Err(error) = seat.wait() {
    ///         drop(seat); // `BarrierBroken`: one has died. The rest can go on:
    ///         seat = grid.barrier(workers - 1)?;
    ///         eprintln!("{error}");
    ///     }
    ///     Ok(grid.to_owned_array().sum()) // what all have written
    /// }
    /// # fn main() -> shmarray::Result<()> {
    /// let grid = SharedArray::builder(1).unique("barrier").zeros()?;
    /// assert_eq!(work(&grid, 1, 0)?, 1.0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`InvalidBarrier`](shm_core::ErrorKind::InvalidBarrier) for no participants, more than
    /// there are slots, another number than others use it for, or if all seats are taken;
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut);
    /// [`LimitReached`](shm_core::ErrorKind::LimitReached) if there are more participants than
    /// slots; [`Os`](shm_core::ErrorKind::Os).
    pub fn barrier(&self, size: u32) -> Result<Barrier<'_>> {
        let seat =
            self.shared::<Borrowed>().seat(size, Timeout::After(shm_presence::LONGEST_WAIT))?;
        Ok(Barrier { seat })
    }

    /// As [`barrier`](Self::barrier), for as long as `wait` says: a seat that keeps the array attached
    /// and borrows nothing.
    ///
    /// # Errors
    /// [`Interrupted`](shm_core::ErrorKind::Interrupted) if the hook gives up; those of
    /// [`barrier`](Self::barrier).
    pub fn barrier_owned<'w>(&self, size: u32, wait: impl Into<Wait<'w>>) -> Result<OwnedBarrier> {
        self.as_erased().barrier_owned(size, wait)
    }

    /// Where this process meets others in the segment.
    #[inline]
    pub(crate) fn shared<H: Hold>(&self) -> Shared<H::Attachment<'_>> {
        // SAFETY: a joint mode is given to writable segments only (`Mode::check`).
        unsafe { self.as_erased().shared::<H>() }
    }
}

impl ErasedArray {
    /// A seat at the array's barrier, as [`Array::barrier_owned`].
    ///
    /// # Errors
    /// [`AccessDenied`](shm_core::ErrorKind::AccessDenied) if this process may only read the array;
    /// those of [`Array::barrier_owned`].
    pub fn barrier_owned<'w>(&self, size: u32, wait: impl Into<Wait<'w>>) -> Result<OwnedBarrier> {
        Ok(Barrier { seat: self.owned_words()?.seat(size, wait)? })
    }
}

/// A seat at the barrier of an array. Dropping it gives it up: a participant that waits then, or comes
/// to wait before the seat is taken again, is told that the barrier is broken.
#[derive(Debug)]
#[must_use = "a seat that is dropped breaks the barrier for the others"]
pub struct Barrier<'a, H: Hold = Borrowed> {
    seat: Seat<H::Attachment<'a>>,
}

/// A [`Barrier`] seat that keeps the array attached and borrows nothing.
pub type OwnedBarrier = Barrier<'static, Owned>;

impl<H: Hold> Barrier<'_, H> {
    /// Waits until all participants wait. True in exactly one of them: the last to come.
    ///
    /// It waits for participants that have not taken a seat yet, too, however long that takes. What a
    /// participant wrote that dies after it has come is there: the phase ends well if the others come
    /// before a waiter finds out; otherwise it breaks, as the next one would.
    ///
    /// # Errors
    /// [`BarrierBroken`](shm_core::ErrorKind::BarrierBroken), with the slot, if one of them died,
    /// left or gave up waiting: for all that wait, and for all that come, until every seat has been
    /// given up. [`ForkedChild`](shm_core::ErrorKind::ForkedChild) in a forked child: it takes a
    /// seat of its own.
    pub fn wait(&mut self) -> Result<bool> {
        self.wait_within(Timeout::Forever)
    }

    /// As [`wait`](Self::wait), in time: a `Duration`, a [`Timeout`], or a [`Wait`] with a hook. When
    /// the time is over, or the hook gives up, this breaks the barrier for all.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) when the time is over;
    /// [`Interrupted`](shm_core::ErrorKind::Interrupted) if the hook gives up; those of
    /// [`wait`](Self::wait).
    pub fn wait_within<'w>(&mut self, wait: impl Into<Wait<'w>>) -> Result<bool> {
        self.seat.wait(wait)
    }

    /// Number of participants.
    pub fn size(&self) -> u32 {
        self.seat.size()
    }
}
