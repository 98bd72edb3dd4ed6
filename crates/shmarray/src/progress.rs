//! The progress counter of an array.

use std::fmt;

use ndarray::Dimension;
use shm_core::{Element, Result};
use shm_sync::{ProgressCounter, Wait};

use crate::array::Array;
use crate::erased::ErasedArray;
use crate::hold::{Borrowed, Hold, Owned};
use crate::mode::Joint;

impl<T: Element, D: Dimension, M: Joint> Array<T, D, M> {
    /// The array's progress counter, which it has beside its elements. Nothing counts in it by
    /// itself: how many chunks are done, [`Chunks::progress`](crate::sync::Chunks::progress) tells.
    pub fn progress(&self) -> Progress<'_> {
        Progress { counter: self.shared::<Borrowed>().progress() }
    }

    /// As [`progress`](Self::progress): a counter that keeps the array attached and borrows nothing.
    pub fn progress_owned(&self) -> OwnedProgress {
        Progress { counter: self.shared::<Owned>().progress() }
    }
}

impl ErasedArray {
    /// The array's progress counter, as [`Array::progress_owned`].
    ///
    /// # Errors
    /// [`AccessDenied`](shm_core::ErrorKind::AccessDenied) if this process may only read the array.
    pub fn progress_owned(&self) -> Result<OwnedProgress> {
        Ok(Progress { counter: self.owned_words()?.progress() })
    }
}

/// A counter that other processes wait on, without polling. The programs that share the array decide
/// what it counts; it starts at 0 and only grows, modulo 2^63.
pub struct Progress<'a, H: Hold = Borrowed> {
    counter: ProgressCounter<H::Attachment<'a>>,
}

/// A [`Progress`] counter that keeps the array attached and borrows nothing.
pub type OwnedProgress = Progress<'static, Owned>;

impl<H: Hold> Progress<'_, H> {
    /// The count. This process sees everything that others wrote before they counted.
    pub fn get(&self) -> u64 {
        self.counter.get()
    }

    /// Counts `steps` more and wakes those that wait; returns the count before. It makes a system
    /// call only if somebody waits.
    pub fn add(&self, steps: u64) -> u64 {
        self.counter.add(steps)
    }

    /// Sleeps until the count is not `seen` any more, and returns it.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if the time is over;
    /// [`Interrupted`](shm_core::ErrorKind::Interrupted) if the hook gives up;
    /// [`Os`](shm_core::ErrorKind::Os).
    pub fn wait_past<'w>(&self, seen: u64, wait: impl Into<Wait<'w>>) -> Result<u64> {
        self.counter.wait_past(seen, wait)
    }

    /// Sleeps until `is_so` says true, which is asked after each count.
    pub(crate) fn wait_until<'w>(
        &self,
        is_so: impl Fn() -> bool,
        wait: impl Into<Wait<'w>>,
    ) -> Result<()> {
        self.counter.wait_until(is_so, wait)
    }
}

impl<H: Hold> Clone for Progress<'_, H> {
    fn clone(&self) -> Self {
        Self { counter: self.counter.clone() }
    }
}

impl<H: Hold> fmt::Debug for Progress<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Progress").field(&self.get()).finish()
    }
}
