//! A ring of frames in a guarded array: items flow through them from stage to stage.
#![allow(unsafe_code)] // makes references to the elements of a frame that is held

use std::fmt;
use std::ops::{Deref, DerefMut};

use ndarray::{ArrayRef, ArrayViewMut, Axis, Dimension, RemoveAxis};
use shm_core::{Element, Result};
use shm_sync::Wait;

use crate::any_array::sealed::AnyArray;
use crate::array::GuardedArray;
use crate::hold::{Owned, sealed::Hold};

/// What holds the attachment of a ring.
type Attached = <Owned as Hold>::Attachment<'static>;

impl<T: Element, D: RemoveAxis> GuardedArray<T, D> {
    /// The array as a ring: each position along its first axis is a *frame*, through which items flow
    /// in `stages`, 2 to 8 of them. At stage 0 items are [produced](Ring::produce), at the last one
    /// [collected](Ring::collect), and from there the frame is free again. There are 1 to 48 frames.
    ///
    /// ```
    /// use shmarray::prelude::*;
    ///
    /// # fn main() -> shmarray::Result<()> {
    /// let array: GuardedArray<u8, Ix3> = GuardedArray::builder((4, 480, 640)).unique("images").zeros()?;
    /// let ring = array.ring(3)?; // decode, work, collect: each in processes of its own
    /// for brightness in 0..4 {
    ///     let Some(mut image) = ring.produce(Timeout::Forever)? else { break };
    ///     image.fill(brightness);
    ///     image.done(); // dropped instead, it would go back
    /// }
    /// ring.close(); // these are all
    /// while let Some(mut image) = ring.claim(Timeout::Forever)? {
    ///     *image += 1;
    ///     image.done();
    /// }
    /// let mut expected = 1;
    /// for image in ring.collect_in_order() {
    ///     let image = image?;
    ///     assert_eq!((image[[0, 0]], u64::from(expected)), (expected, image.number() + 1));
    ///     expected += 1;
    ///     image.done();
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// An array is a ring for ever once anybody has said so, and cannot be shared out in
    /// [`chunks`](Self::chunks) then. While frames are held, [`read`](Self::read) and
    /// [`write`](Self::write) wait, and frames wait for these.
    ///
    /// # Errors
    /// [`InvalidRing`](shm_core::ErrorKind::InvalidRing) for numbers of frames or stages that cannot
    /// be; if others say another number of stages; if the array has been shared out in chunks.
    /// [`NotWhole`](shm_core::ErrorKind::NotWhole) if this handle shows a part of the array.
    pub fn ring(&self, stages: u32) -> Result<Ring<T, D>> {
        self.as_erased().check_whole()?;
        // SAFETY: a guarded array is attached for writing (`Mode::check`).
        let words = unsafe { shm_sync::Shared::new(Owned::attachment(self.as_erased())) };
        Ok(Ring { array: self.clone(), ring: words.ring(stages)? })
    }
}

/// A ring of frames. Any number of processes and threads take part at each stage; each does by `&self`.
///
/// A frame of a process that dies goes back, within 50 milliseconds of somebody's waiting, and is handed out
/// again: [`Frame::is_retry`] tells. Whoever waits for a stage at which everybody who worked
/// there has died or left is told by [`NobodyLeft`](shm_core::ErrorKind::NobodyLeft), and may wait again.
///
/// A thread that holds a frame and waits for another may wait for itself, as with guards and chunks.
pub struct Ring<T: Element, D: Dimension> {
    array: GuardedArray<T, D>,
    ring: shm_sync::Ring<Attached>,
}

impl<T: Element, D: RemoveAxis> Ring<T, D> {
    /// A free frame for the next item, for writing. Items are numbered in the order of these calls. None
    /// once the ring is [closed](Self::close). Waits while all frames are in use.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if the time is over;
    /// [`Interrupted`](shm_core::ErrorKind::Interrupted) if the hook gives up;
    /// [`NobodyLeft`](shm_core::ErrorKind::NobodyLeft) if the frames are stuck before a stage that nobody
    /// works at any more; [`Corrupt`](shm_core::ErrorKind::Corrupt) if something else has written to
    /// the words that the ring is in; those of [`GuardedArray::read`] but for `Poisoned`.
    pub fn produce<'w>(&self, wait: impl Into<Wait<'w>>) -> Result<Option<Frame<T, D::Smaller>>> {
        Ok(self.ring.produce(wait)?.map(|frame| self.frame(frame)))
    }

    /// The oldest frame that is ready for stage 1. None once the ring is closed and all items are past
    /// that stage.
    ///
    /// # Errors
    /// Those of [`produce`](Self::produce).
    pub fn claim<'w>(&self, wait: impl Into<Wait<'w>>) -> Result<Option<Frame<T, D::Smaller>>> {
        self.claim_at(1, wait)
    }

    /// The oldest frame that is ready for that stage, which is not stage 0. None once the ring is closed
    /// and all items are past the stage.
    ///
    /// # Errors
    /// [`InvalidRing`](shm_core::ErrorKind::InvalidRing) for a stage that is not there; those of
    /// [`produce`](Self::produce).
    pub fn claim_at<'w>(
        &self,
        stage: u32,
        wait: impl Into<Wait<'w>>,
    ) -> Result<Option<Frame<T, D::Smaller>>> {
        Ok(self.ring.claim(stage, wait)?.map(|frame| self.frame(frame)))
    }

    /// The frame of the next item, in the order in which they were produced, once it is ready for the
    /// last stage. None once the ring is closed and all items are collected. The next item is handed out
    /// when this one is done.
    ///
    /// # Errors
    /// [`NobodyLeft`](shm_core::ErrorKind::NobodyLeft) also for an item whose producer did not finish
    /// before the ring was closed: it is lost, and the next call goes on after it. Those of
    /// [`produce`](Self::produce).
    pub fn collect<'w>(&self, wait: impl Into<Wait<'w>>) -> Result<Option<Frame<T, D::Smaller>>> {
        Ok(self.ring.collect(wait)?.map(|frame| self.frame(frame)))
    }

    /// All frames as [`collect`](Self::collect) gives them, each waited for without an end.
    pub fn collect_in_order(&self) -> impl Iterator<Item = Result<Frame<T, D::Smaller>>> + '_ {
        std::iter::from_fn(|| self.collect(shm_sync::Timeout::Forever).transpose())
    }

    /// Says that there will be no more items. Those that were produced go on through the stages.
    pub fn close(&self) {
        self.ring.close();
    }

    /// How many items have been begun.
    pub fn begun(&self) -> u64 {
        self.ring.begun()
    }

    /// How many stages there are.
    pub fn stages(&self) -> u32 {
        self.ring.stages()
    }

    /// The array of which the frames are parts.
    pub fn array(&self) -> &GuardedArray<T, D> {
        &self.array
    }

    fn frame(&self, frame: shm_sync::Frame<Attached>) -> Frame<T, D::Smaller> {
        let view = self.array.raw_view_mut().index_axis_move(Axis(0), frame.index());
        // SAFETY: the frame holds the attachment, so the pointers are valid for as long as it does.
        // Different frames do not overlap, and nobody else holds this one. It shares the lock, which
        // keeps readers and writers from the array; an array that is a ring has no chunks; any other
        // access to a guarded array is `unsafe` somewhere.
        let view = unsafe { view.deref_into_view_mut() };
        Frame { view, frame }
    }
}

/// A frame of a ring, for this holder alone.
///
/// It must be said to be [`done`](Self::done). Dropped otherwise, by an early return, by `?` or by a
/// panic, it goes back and is handed out again. A holder that is stopped, but alive, keeps it.
#[must_use = "a frame that is dropped is handed out again"]
pub struct Frame<T: Element, D: Dimension> {
    // Invariant: not handed out for longer than the frame is held.
    view: ArrayViewMut<'static, T, D>,
    frame: shm_sync::Frame<Attached>,
}

impl<T: Element, D: Dimension> Frame<T, D> {
    /// The number of the item in it, in the order in which they were begun, from 0.
    pub fn number(&self) -> u64 {
        self.frame.number()
    }

    /// Where the frame is along the first axis of the array.
    pub fn index(&self) -> usize {
        self.frame.index()
    }

    /// Whether another held it at this stage before and did not finish: its elements are anything
    /// between untouched and done.
    pub fn is_retry(&self) -> bool {
        self.frame.is_retry()
    }

    /// The work at this stage is done: the frame goes on to the next one, or is free again.
    pub fn done(self) {
        self.frame.done();
    }
}

impl<T: Element, D: Dimension> Deref for Frame<T, D> {
    type Target = ArrayRef<T, D>;

    fn deref(&self) -> &ArrayRef<T, D> {
        &self.view
    }
}

impl<T: Element, D: Dimension> DerefMut for Frame<T, D> {
    fn deref_mut(&mut self) -> &mut ArrayRef<T, D> {
        &mut self.view
    }
}

impl<T: Element, D: Dimension> fmt::Debug for Ring<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("array", &self.array).field("ring", &self.ring).finish()
    }
}

impl<T: Element, D: Dimension> fmt::Debug for Frame<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Frame").field(&self.frame).finish()
    }
}
