//! The barrier of an array: phases in which nobody is ahead of the others.
#![allow(unsafe_code)] // vouches that a joint mode can write

use std::time::Duration;

use ndarray::Dimension;
use shm_core::{Element, Result};
use shm_sync::{Participant, Seat, Shared, Timeout};

use crate::Array;
use crate::attachment::Attachment;
use crate::mode::{Joint, Mode};

impl<T: Element, D: Dimension, M: Joint> Array<T, D, M> {
    /// A place at the array's barrier, which is for `size` participants. Each process takes a place
    /// of its own, and so does each thread that waits; a place is not shared, as std's barrier is.
    ///
    /// What one wrote before it waited, all see after it: write, [`wait`](Barrier::wait), read.
    ///
    /// If the barrier is broken, this waits until all who were told have dropped their places (the
    /// own one first); after 2 seconds it gives up. Then it may be for another number of them.
    ///
    /// ```
    /// use shmarray::prelude::*;
    ///
    /// /// The same in each of `workers` processes.
    /// fn work(grid: &SharedArray<f64, Ix1>, workers: u32, me: usize) -> shmarray::Result<f64> {
    ///     let mut place = grid.barrier(workers)?;
    ///     grid.set(me, 1.0)?;
    ///     if let Err(error) = place.wait() {
    ///         drop(place); // `BarrierBroken`: one has died. The rest can go on:
    ///         place = grid.barrier(workers - 1)?;
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
    /// [`InvalidBarrier`](shm_core::ErrorKind::InvalidBarrier) for no participants, more than 128,
    /// another number than others use it for, or if all places are taken;
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut);
    /// [`LimitReached`](shm_core::ErrorKind::LimitReached) if there are more participants than
    /// slots; [`Os`](shm_core::ErrorKind::Os).
    pub fn barrier(&self, size: u32) -> Result<Barrier<'_>> {
        let place = self.shared().seat(size, Timeout::After(shm_presence::PATIENCE))?;
        Ok(Barrier { place })
    }

    /// Where this process meets others in the segment.
    #[inline]
    pub(crate) fn shared(&self) -> Shared<&'_ Attachment> {
        // SAFETY: a joint mode is given to writable segments only (`Mode::check`).
        unsafe { Shared::new(self.handle().attachment()) }
    }
}

impl<T: Element, D: Dimension, M: Mode> Array<T, D, M> {
    /// Who has a slot: who has locked, claimed, or taken a place at the barrier, and whether it lives, by the kernel's
    /// word. Whoever only reads and writes elements has none.
    ///
    /// # Errors
    /// [`Os`](shm_core::ErrorKind::Os).
    pub fn participants(&self) -> Result<Vec<Participant>> {
        shm_sync::participants(self.handle().attachment())
    }

    /// Whether anybody else is attached: another process, or another attachment in this one.
    /// Clones and forked children share one attachment. None on backend `mmap`, where the kernel
    /// does not tell.
    ///
    /// # Errors
    /// [`Os`](shm_core::ErrorKind::Os).
    pub fn has_others(&self) -> Result<Option<bool>> {
        self.handle().segment().file().map(shm_presence::ask_others).transpose()
    }
}

/// A place at the barrier of an array. Dropping it gives it up: whoever waits then, or comes to
/// wait before the place is taken again, is told that the barrier is broken.
#[derive(Debug)]
pub struct Barrier<'a> {
    place: Seat<&'a Attachment>,
}

impl Barrier<'_> {
    /// Waits until all participants wait. True in exactly one of them: the last to come.
    ///
    /// Whoever has not taken a place yet is waited for, however long that takes.
    /// Of one who dies after it has come, what it wrote is there: the phase ends well if the others
    /// come before somebody who waits finds out; otherwise it breaks, as the next one would.
    ///
    /// # Errors
    /// [`BarrierBroken`](shm_core::ErrorKind::BarrierBroken), with the slot, if one of them died,
    /// left or gave up waiting: for all who wait, and for all who come, until every place has been
    /// given up. [`ForkedChild`](shm_core::ErrorKind::ForkedChild) in a forked child: it takes a
    /// place of its own.
    pub fn wait(&mut self) -> Result<bool> {
        self.place.wait(Timeout::Forever)
    }

    /// As [`wait`](Self::wait). When the time is over this breaks the barrier for all.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) when the time is over; those of
    /// [`wait`](Self::wait).
    pub fn wait_within(&mut self, time: Duration) -> Result<bool> {
        self.place.wait(Timeout::After(time))
    }

    /// Number of participants.
    pub fn size(&self) -> u32 {
        self.place.size()
    }
}
