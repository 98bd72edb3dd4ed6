//! The progress counter of an array.

use ndarray::Dimension;
use shm_core::{Element, Result};
use shm_sync::Timeout;

use crate::Array;
use crate::attachment::Attachment;
use crate::mode::Joint;

impl<T: Element, D: Dimension, M: Joint> Array<T, D, M> {
    /// The array's progress counter, which it has beside its elements. Nothing counts in it by
    /// itself: how many chunks are done, [`Chunks::progress`](crate::Chunks::progress) tells.
    pub fn progress(&self) -> Progress<'_> {
        Progress { counter: self.shared().progress() }
    }
}

/// A counter that others wait on, without asking again and again. What it counts is for those who
/// share the array to say; it starts at 0 and only grows, modulo 2^63.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    counter: shm_sync::ProgressCounter<&'a Attachment>,
}

impl Progress<'_> {
    /// The count. What others wrote before they counted, this process sees now.
    pub fn get(&self) -> u64 {
        self.counter.get()
    }

    /// Counts `steps` more and wakes those who wait; returns the count before. It makes a system
    /// call only if somebody waits.
    pub fn add(&self, steps: u64) -> u64 {
        self.counter.add(steps)
    }

    /// Sleeps until the count is not `seen` any more, and returns it.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if the limit passes;
    /// [`Os`](shm_core::ErrorKind::Os).
    pub fn wait_past(&self, seen: u64, limit: Timeout) -> Result<u64> {
        self.counter.wait_past(seen, limit)
    }
}
