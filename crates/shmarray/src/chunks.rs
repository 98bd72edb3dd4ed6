//! A guarded array chunk by chunk, shared by any number of workers.
#![allow(unsafe_code)] // makes references to the elements of a chunk that is claimed

use std::fmt;
use std::ops::{Deref, DerefMut, Range};
use std::time::Duration;

use ndarray::{ArrayRef, ArrayViewMut, Axis, Dimension, Slice};
use shm_core::{Element, ErrorKind, Result};
use shm_sync::{Claim, Round, RoundProgress, Timeout};

use crate::GuardedArray;
use crate::attachment::Attachment;

impl<T: Element, D: Dimension> GuardedArray<T, D> {
    /// The array in chunks of `rows` along its first axis, each of which goes to one worker, in
    /// whatever process, until it is done. The last chunk may have fewer rows.
    ///
    /// Every worker runs the same loop, and it ends in all of them when all chunks are done. A
    /// chunk whose worker dies, or drops it, is handed out again.
    ///
    /// ```
    /// use shmarray::prelude::*;
    ///
    /// # fn main() -> shmarray::Result<()> {
    /// let array: GuardedArray<f32, Ix2> =
    ///     GuardedArray::builder((100, 50)).unique("chunks").zeros()?;
    /// for chunk in array.chunks(8)? {
    ///     let mut chunk = chunk?;
    ///     chunk.fill(1.0);
    ///     chunk.done();
    /// }
    /// assert_eq!(array.read()?.sum(), 5000.0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// This is round 0. Once all its chunks are done, it yields nothing any more, for ever: the next
    /// time through the array is [`chunks_of_round(1, …)`](Self::chunks_of_round).
    ///
    /// Chunks are handed out of a poisoned array too, and do not mend it: see
    /// [`is_poisoned`](Self::is_poisoned).
    ///
    /// # Errors
    /// Those of [`chunks_of_round`](Self::chunks_of_round).
    pub fn chunks(&self, rows: usize) -> Result<Chunks<'_, T, D>> {
        self.chunks_of_round(0, Axis(0), rows)
    }

    /// As [`chunks`](Self::chunks), for one of many rounds, and along any axis.
    ///
    /// Rounds are numbered from 0, and come one after another. All who take part in a round divide
    /// the array in the same way; the next may divide it in another. The chunks of a round that is
    /// over are done, for latecomers too.
    ///
    /// # Errors
    /// [`InvalidRound`](ErrorKind::InvalidRound) for chunks of no rows, an axis that is not there,
    /// more than 1 073 741 823 chunks, or that many rows in one; if others divide the array in
    /// another way in this round; if the round before is not done yet, or has not begun.
    /// [`NotWhole`](ErrorKind::NotWhole) if this handle shows a part of the array.
    pub fn chunks_of_round(
        &self,
        number: u32,
        axis: Axis,
        rows: usize,
    ) -> Result<Chunks<'_, T, D>> {
        let layout = self.handle().header().layout();
        if self.handle().part().is_some() {
            let (shown, whole) = (self.shape().to_vec(), layout.shape().to_vec());
            let operation = "sharing out an array in chunks";
            return Err(ErrorKind::NotWhole { operation, whole, shown }.into());
        }
        let round = self.shared().round(number, axis.index(), rows)?;
        Ok(Chunks { array: self, round, axis, limit: Timeout::Forever, ended: false })
    }
}

/// The chunks of one round over an array, as one of its workers gets them.
///
/// It ends when all chunks are done, and after an error.
#[must_use = "it hands out chunks only if it is iterated over"]
pub struct Chunks<'a, T: Element, D: Dimension> {
    array: &'a GuardedArray<T, D>,
    round: Round<&'a Attachment>,
    axis: Axis,
    limit: Timeout,
    ended: bool,
}

impl<'a, T: Element, D: Dimension> Chunks<'a, T, D> {
    /// The same, giving up with an error where a chunk cannot be had in that time.
    pub fn within(mut self, time: Duration) -> Self {
        self.limit = Timeout::After(time);
        self
    }

    /// The next chunk, or none if all are done. It waits while the rest is held by others, and while
    /// 128 chunks of the array are held at once, which are the most.
    ///
    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut) if the time is over; [`Corrupt`](ErrorKind::Corrupt) if
    /// something else has written to the words that the claims are in; those of
    /// [`GuardedArray::read`] but for `Poisoned`.
    pub fn claim(&self) -> Result<Option<Chunk<'a, T, D>>> {
        let Some(claim) = self.round.claim(self.limit)? else { return Ok(None) };
        let mut view = self.array.raw_view_mut();
        view.slice_axis_inplace(self.axis, Slice::from(claim.rows()));
        // SAFETY: the pointers are valid for 'a, as those of the array are. The rows of different
        // chunks do not overlap: all workers of a round divide the whole array in the same way. The
        // claim keeps every other worker from this one, and readers and writers from the array;
        // any other access to a guarded array is `unsafe` somewhere.
        let view = unsafe { view.deref_into_view_mut() };
        Ok(Some(Chunk { view, claim }))
    }

    /// How far the round is, in chunks. Others go on meanwhile.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt).
    pub fn progress(&self) -> Result<RoundProgress> {
        self.round.progress()
    }

    /// Waits until more than `seen` chunks are done, or all are. Nobody has to take part in the
    /// work to watch it.
    ///
    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut) if the limit passes; [`Corrupt`](ErrorKind::Corrupt).
    pub fn wait_past(&self, seen: u32, limit: Timeout) -> Result<RoundProgress> {
        self.round.wait_past(seen, limit)
    }
}

impl<'a, T: Element, D: Dimension> Iterator for Chunks<'a, T, D> {
    type Item = Result<Chunk<'a, T, D>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.claim().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// A chunk of a guarded array: some of its rows, for this worker alone.
///
/// It must be said to be [`done`](Self::done). Dropped otherwise, by an early return, by `?` or by
/// a panic, it goes back and is handed out again: a loop that never says `done` gets the same chunk
/// again and again. A worker that is stopped, but alive, keeps it.
#[must_use = "a chunk that is dropped is handed out again"]
pub struct Chunk<'a, T, D> {
    // Invariant: not handed out for longer than the claim is held.
    view: ArrayViewMut<'a, T, D>,
    claim: Claim<&'a Attachment>,
}

impl<T, D> Chunk<'_, T, D> {
    /// Its number in the round.
    pub fn index(&self) -> u32 {
        self.claim.index()
    }

    /// Which rows of the array it has, along the axis that is divided.
    pub fn range(&self) -> Range<usize> {
        self.claim.rows()
    }

    /// Whether another had it before and did not finish: its elements are anything between
    /// untouched and done.
    pub fn is_retry(&self) -> bool {
        self.claim.is_retry()
    }

    /// It is done: nobody gets it again in this round.
    pub fn done(self) {
        self.claim.done();
    }
}

impl<T, D: Dimension> Deref for Chunk<'_, T, D> {
    type Target = ArrayRef<T, D>;

    fn deref(&self) -> &ArrayRef<T, D> {
        &self.view
    }
}

impl<T, D: Dimension> DerefMut for Chunk<'_, T, D> {
    fn deref_mut(&mut self) -> &mut ArrayRef<T, D> {
        &mut self.view
    }
}

impl<T: Element, D: Dimension> fmt::Debug for Chunks<'_, T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").field("array", self.array).field("round", &self.round).finish()
    }
}

impl<T: Element, D: Dimension> fmt::Debug for Chunk<'_, T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk").field("index", &self.index()).field("range", &self.range()).finish()
    }
}
