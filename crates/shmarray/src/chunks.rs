//! A guarded array chunk by chunk, shared by any number of workers.
#![allow(unsafe_code)] // makes references to the elements of a chunk that is claimed

use std::fmt;
use std::ops::{Deref, DerefMut, Range};

use ndarray::{ArrayRef, ArrayViewMut, Axis, Dimension, Slice};
use shm_core::{Element, Result};
use shm_sync::{Claim, Round, RoundProgress, Timeout, Wait};

use crate::any_array::sealed::AnyArray;
use crate::array::GuardedArray;
use crate::hold::{Borrowed, Hold, Owned};

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
    /// [`InvalidRound`](shm_core::ErrorKind::InvalidRound) for chunks of no rows, an axis that is not there,
    /// more than 134 217 727 chunks, or that many rows in one; if others divide the array in
    /// another way in this round; if the round before is not done yet, or has not begun.
    /// [`NotWhole`](shm_core::ErrorKind::NotWhole) if this handle shows a part of the array.
    pub fn chunks_of_round(
        &self,
        number: u32,
        axis: Axis,
        rows: usize,
    ) -> Result<Chunks<'_, T, D>> {
        self.as_erased().check_whole()?;
        let round = self.shared::<Borrowed>().round(number, axis.index(), rows)?;
        Ok(Chunks { array: self.clone(), round, axis, timeout: Timeout::Forever, ended: false })
    }

    /// As [`chunks_of_round`](Self::chunks_of_round), but it waits until the rounds before are done.
    /// Their chunks are done by those who claim them: somebody has to, those of the dead too.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if the time is over before the round may begin;
    /// [`Interrupted`](shm_core::ErrorKind::Interrupted) if the hook gives up; those of
    /// [`chunks_of_round`](Self::chunks_of_round).
    pub fn chunks_of_next_round<'w>(
        &self,
        number: u32,
        axis: Axis,
        rows: usize,
        wait: impl Into<Wait<'w>>,
    ) -> Result<Chunks<'_, T, D>> {
        self.as_erased().check_whole()?;
        let round = self.shared::<Borrowed>().next_round(number, axis.index(), rows, wait)?;
        Ok(Chunks { array: self.clone(), round, axis, timeout: Timeout::Forever, ended: false })
    }

    /// As [`chunks_of_round`](Self::chunks_of_round): chunks that keep the array attached and borrow
    /// nothing.
    ///
    /// # Errors
    /// Those of [`chunks_of_round`](Self::chunks_of_round).
    pub fn chunks_owned(&self, number: u32, axis: Axis, rows: usize) -> Result<OwnedChunks<T, D>> {
        self.as_erased().check_whole()?;
        let round = self.shared::<Owned>().round(number, axis.index(), rows)?;
        Ok(Chunks { array: self.clone(), round, axis, timeout: Timeout::Forever, ended: false })
    }
}

/// The chunks of one round over an array, as one of its workers gets them.
///
/// It ends when all chunks are done, and after an error.
#[must_use = "it hands out chunks only if it is iterated over"]
pub struct Chunks<'a, T: Element, D: Dimension, H: Hold = Borrowed> {
    array: GuardedArray<T, D>,
    round: Round<H::Attachment<'a>>,
    axis: Axis,
    timeout: Timeout,
    ended: bool,
}

/// [`Chunks`] that keep the array attached and borrow nothing.
pub type OwnedChunks<T, D> = Chunks<'static, T, D, Owned>;

impl<'a, T: Element, D: Dimension, H: Hold> Chunks<'a, T, D, H> {
    /// The same, giving up with an error where a chunk cannot be had in that time.
    pub fn within(mut self, timeout: impl Into<Timeout>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// The next chunk, or none if all are done. It waits while the rest is held by others, and while
    /// as many chunks of the array are held at once as it has slots, which are the most.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if the time is over; [`Corrupt`](shm_core::ErrorKind::Corrupt) if
    /// something else has written to the words that the claims are in; those of
    /// [`GuardedArray::read`] but for `Poisoned`.
    pub fn claim(&self) -> Result<Option<Chunk<'a, T, D, H>>> {
        self.claim_within(self.timeout)
    }

    /// As [`claim`](Self::claim), if that can be had in time: a `Duration`, a [`Timeout`], or a
    /// [`Wait`] with a hook.
    ///
    /// # Errors
    /// [`Interrupted`](shm_core::ErrorKind::Interrupted) if the hook gives up; those of [`claim`](Self::claim).
    pub fn claim_within<'w>(
        &self,
        wait: impl Into<Wait<'w>>,
    ) -> Result<Option<Chunk<'a, T, D, H>>> {
        let Some(claim) = self.round.claim(wait)? else { return Ok(None) };
        let mut view = self.array.raw_view_mut();
        view.slice_axis_inplace(self.axis, Slice::from(claim.rows()));
        // SAFETY: the claim holds the attachment, so the pointers are valid for as long as it does. The
        // rows of different chunks do not overlap: all workers of a round divide the whole array in
        // the same way. The claim keeps every other worker from this one, and readers and writers from
        // the array; any other access to a guarded array is `unsafe` somewhere.
        let view = unsafe { view.deref_into_view_mut() };
        Ok(Some(Chunk { view, claim }))
    }

    /// How far the round is, in chunks. Others go on meanwhile.
    ///
    /// # Errors
    /// [`Corrupt`](shm_core::ErrorKind::Corrupt).
    pub fn progress(&self) -> Result<RoundProgress> {
        self.round.progress()
    }

    /// Waits until more than `seen` chunks are done, or all are. A process that only watches need not
    /// take part in the work.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if the time is over;
    /// [`Interrupted`](shm_core::ErrorKind::Interrupted) if the hook gives up; [`Corrupt`](shm_core::ErrorKind::Corrupt).
    pub fn wait_past<'w>(&self, seen: u32, wait: impl Into<Wait<'w>>) -> Result<RoundProgress> {
        self.round.wait_past(seen, wait)
    }
}

impl<'a, T: Element, D: Dimension, H: Hold> Iterator for Chunks<'a, T, D, H> {
    type Item = Result<Chunk<'a, T, D, H>>;

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
pub struct Chunk<'a, T, D, H: Hold = Borrowed> {
    // Invariant: not handed out for longer than the claim is held.
    view: ArrayViewMut<'a, T, D>,
    claim: Claim<H::Attachment<'a>>,
}

/// A [`Chunk`] that keeps the array attached and borrows nothing.
pub type OwnedChunk<T, D> = Chunk<'static, T, D, Owned>;

impl<T, D, H: Hold> Chunk<'_, T, D, H> {
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

impl<T, D: Dimension, H: Hold> Deref for Chunk<'_, T, D, H> {
    type Target = ArrayRef<T, D>;

    fn deref(&self) -> &ArrayRef<T, D> {
        &self.view
    }
}

impl<T, D: Dimension, H: Hold> DerefMut for Chunk<'_, T, D, H> {
    fn deref_mut(&mut self) -> &mut ArrayRef<T, D> {
        &mut self.view
    }
}

impl<T: Element, D: Dimension, H: Hold> fmt::Debug for Chunks<'_, T, D, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").field("array", &self.array).field("round", &self.round).finish()
    }
}

impl<T: Element, D: Dimension, H: Hold> fmt::Debug for Chunk<'_, T, D, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk").field("index", &self.index()).field("range", &self.range()).finish()
    }
}
