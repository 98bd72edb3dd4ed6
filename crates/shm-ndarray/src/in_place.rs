//! Element-wise work in place, while other threads and processes write.
#![allow(unsafe_code)] // Hands addresses of elements to the atomic copies of `copy`.

use ndarray::Dimension;
use shm_core::{Element, Result};

use crate::copy::{STAGED, load_run, store_run};
use crate::elements::{Elements, ElementsMut};
use crate::walk::{Pair, Walk};

impl<T: Element, D: Dimension> ElementsMut<'_, T, D> {
    /// Changes every element by a function of its value.
    ///
    /// Each element is loaded atomically, changed in private memory, and stored atomically, a few
    /// kilobytes of them at a time. It is not a snapshot, and not one step: what another writes to an
    /// element between its load and its store is lost. Where that must not be, use
    /// [`atomic_view`](Self::atomic_view) or a lock. The order of the calls is not defined.
    pub fn map_inplace(&self, mut change: impl FnMut(&mut T)) {
        let walk = Walk::new(self.shape(), self.strides(), &vec![0; self.shape().len()]);
        let mut staged = Vec::new();
        walk.runs(|run, first, _| {
            for (done, len) in pieces::<T>(run.len) {
                let (at, run) = (first + done * run.shared(), Pair::new(len, run.shared(), 1));
                // SAFETY: the walk visits offsets of elements only, and pieces are within their run.
                unsafe { load_piece(self, run, at, &mut staged) };
                staged.iter_mut().for_each(&mut change);
                // SAFETY: as above; the region may be written, and `staged` has `len` elements.
                unsafe { store_run(run, staged.as_ptr(), self.address(at)) };
            }
        });
    }

    /// Changes every element by a function of its value and of the element at the same index of
    /// another array.
    ///
    /// Elements of both are loaded atomically; otherwise as [`map_inplace`](Self::map_inplace).
    ///
    /// # Errors
    /// [`ShapeMismatch`](shm_core::ErrorKind::ShapeMismatch).
    pub fn zip_mut_with<U: Element>(
        &self,
        other: &Elements<'_, U, D>,
        mut change: impl FnMut(&mut T, &U),
    ) -> Result<()> {
        self.check_shape(other.shape())?;
        let walk = Walk::new(self.shape(), self.strides(), other.strides());
        let (mut staged, mut others) = (Vec::new(), Vec::new());
        walk.runs(|run, first, other_first| {
            let [ours, theirs] = run.steps;
            for (done, len) in pieces::<T>(run.len) {
                let (at, other_at) = (first + done * ours, other_first + done * theirs);
                let run = Pair::new(len, ours, 1);
                // SAFETY: the walk visits offsets of elements of both arrays only, and pieces are
                // within their run.
                unsafe { load_piece(self, run, at, &mut staged) };
                // SAFETY: as above, for the other array.
                unsafe { load_piece(other, Pair::new(len, theirs, 1), other_at, &mut others) };
                staged.iter_mut().zip(&others).for_each(|(ours, theirs)| change(ours, theirs));
                // SAFETY: as above; the region may be written, and `staged` has `len` elements.
                unsafe { store_run(run, staged.as_ptr(), self.address(at)) };
            }
        });
        Ok(())
    }
}

/// A run in pieces that stay in the nearest cache: where each begins in it, and its length, in elements.
fn pieces<T>(len: usize) -> impl Iterator<Item = (isize, usize)> {
    let most = (STAGED / size_of::<T>()).max(1);
    (0..len).step_by(most).map(move |done| (done.cast_signed(), most.min(len - done)))
}

/// Loads a piece of a run into `staged`, in the place of what that had.
///
/// # Safety
/// `run` leads from `at`, in elements from the first, to elements of the array.
unsafe fn load_piece<T: Element, D: Dimension>(
    elements: &Elements<'_, T, D>,
    run: Pair,
    at: isize,
    staged: &mut Vec<T>,
) {
    staged.clear();
    staged.reserve(run.len);
    // SAFETY: elements by contract; `staged` has room for as many.
    unsafe { load_run(run, elements.address(at), staged.as_mut_ptr()) };
    // SAFETY: loaded right above, and every pattern of bits is a T.
    unsafe { staged.set_len(run.len) };
}
