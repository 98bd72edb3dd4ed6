//! Safe access by copying, while other threads and processes write.
#![allow(unsafe_code)] // Hands addresses of elements to the atomic copies of `words`.

use std::mem::MaybeUninit;

use ndarray::{Array, ArrayRef, Dimension, IntoDimension, ShapeBuilder};
use shm_core::{Element, ErrorKind, Result};

use crate::elements::{Elements, ElementsMut};
use crate::walk::{Pair, Walk};
use crate::words::{self, Word, word_len};

impl<T: Element, D: Dimension> Elements<'_, T, D> {
    /// A copy of one element; `None` if the index is out of bounds.
    pub fn get(&self, index: impl IntoDimension<Dim = D>) -> Option<T> {
        let offset = self.offset_of(&index.into_dimension())?;
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: `offset_of` gives the offset of an element; `value` has room for it.
        unsafe { load_run(ONE, self.address(offset), value.as_mut_ptr()) };
        // SAFETY: loaded right above, and every pattern of bits is a T.
        Some(unsafe { value.assume_init() })
    }

    /// A copy of all elements, in Fortran order if the first index is the faster one in shared
    /// memory, else in C order.
    pub fn to_array(&self) -> Array<T, D> {
        let axes = || self.shape().iter().zip(self.strides());
        let mut steps = axes().filter(|(len, _)| **len > 1).map(|(_, s)| s.unsigned_abs());
        let first = steps.next();
        let fortran = first < steps.next_back();
        let shape = self.pointers().raw_dim().set_f(fortran);
        let mut array = Array::<T, D>::uninit(shape);
        let to = array.as_mut_ptr().cast::<T>();
        // SAFETY: `array` has this shape, and is ours; `to` and the strides are its own.
        unsafe { self.load_all(to, array.strides()) };
        // SAFETY: `load_all` wrote every element, and every pattern of bits is a T.
        unsafe { array.assume_init() }
    }

    /// Copies all elements into an array of the same shape.
    ///
    /// # Errors
    /// [`ErrorKind::ShapeMismatch`].
    pub fn copy_to(&self, to: &mut ArrayRef<T, D>) -> Result<()> {
        self.check_shape(to.shape())?;
        let first = to.as_mut_ptr();
        // SAFETY: `to` has this shape, and is borrowed mutably; `first` and the strides are its
        // own.
        unsafe { self.load_all(first, to.strides()) };
        Ok(())
    }

    /// # Safety
    /// `to` and `strides` lead to elements of an array of this shape that nobody else uses.
    unsafe fn load_all(&self, to: *mut T, strides: &[isize]) {
        let walk = Walk::new(self.shape(), self.strides(), strides);
        walk.runs(|run, shared, private| {
            // SAFETY: the walk visits offsets of elements of both sides only.
            unsafe { load_run(run, self.address(shared), to.wrapping_offset(private)) };
        });
    }

    /// Distance of an element from the first, in elements.
    fn offset_of(&self, index: &D) -> Option<isize> {
        let (index, shape) = (index.slice(), self.shape());
        let inside = index.len() == shape.len() && index.iter().zip(shape).all(|(i, n)| i < n);
        let steps = index.iter().zip(self.strides());
        inside.then(|| steps.map(|(i, stride)| i.cast_signed() * stride).sum())
    }

    pub(crate) fn address(&self, offset: isize) -> *mut T {
        self.pointers().as_ptr().cast_mut().wrapping_offset(offset)
    }

    pub(crate) fn check_shape(&self, shape: &[usize]) -> Result<()> {
        if shape == self.shape() {
            return Ok(());
        }
        let (expected, found) = (shape.to_vec(), self.shape().to_vec());
        Err(ErrorKind::ShapeMismatch { expected, found }.into())
    }
}

impl<T: Element, D: Dimension> ElementsMut<'_, T, D> {
    /// Stores one element.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfBounds`] if the index is out of bounds.
    pub fn set(&self, index: impl IntoDimension<Dim = D>, value: T) -> Result<()> {
        let index = index.into_dimension();
        let Some(offset) = self.offset_of(&index) else {
            let (index, shape) = (index.slice(), self.shape());
            let reason =
                format!("index {index:?} is out of bounds for an array of shape {shape:?}");
            return Err(ErrorKind::OutOfBounds { reason }.into());
        };
        // SAFETY: `offset_of` gives the offset of an element; the region may be written.
        unsafe { store_run(ONE, &raw const value, self.address(offset)) };
        Ok(())
    }

    /// Stores one value in all elements.
    pub fn fill(&self, value: T) {
        let most = STAGED / size_of::<T>().max(1);
        let staged = vec![value; self.len().min(most).max(1)];
        let walk = Walk::new(self.shape(), self.strides(), &vec![0; self.shape().len()]);
        walk.runs(|run, shared, _| {
            // What lies in one piece is copied from `staged`, piece by piece; elements with others
            // between them are all copies of the first.
            let (mut done, piece) = (0, if run.shared() == 1 { staged.len() } else { run.len });
            while done < run.len {
                let len = piece.min(run.len - done);
                let part = Pair::new(len, run.shared(), isize::from(run.shared() == 1));
                let to = self.address(shared + done.cast_signed() * run.shared());
                // SAFETY: the walk visits offsets of elements only; the region may be written.
                // `staged` is ours, and has `len` elements, or one that all are copies of.
                unsafe { store_run(part, staged.as_ptr(), to) };
                done += len;
            }
        });
    }

    /// Copies all elements from an array of the same shape.
    ///
    /// # Errors
    /// [`ErrorKind::ShapeMismatch`].
    pub fn copy_from(&self, from: &ArrayRef<T, D>) -> Result<()> {
        self.check_shape(from.shape())?;
        // SAFETY: `from` has this shape, and is borrowed; pointer and strides are its own.
        unsafe { self.store_all(from.as_ptr(), from.strides()) };
        Ok(())
    }

    /// # Safety
    /// `from` and `strides` lead to elements of an array of this shape that nobody writes.
    unsafe fn store_all(&self, from: *const T, strides: &[isize]) {
        let walk = Walk::new(self.shape(), self.strides(), strides);
        walk.runs(|run, shared, private| {
            // SAFETY: the walk visits offsets of elements of both sides only; the region may be
            // written.
            unsafe { store_run(run, from.wrapping_offset(private), self.address(shared)) };
        });
    }
}

/// How many bytes of elements are laid out in private memory at a time, where they stay in the nearest
/// cache: by [`ElementsMut::fill`] and [`ElementsMut::map_inplace`].
pub(crate) const STAGED: usize = 4096;

const ONE: Pair = Pair::new(1, 1, 1);

/// Copies a run of elements out of shared memory.
///
/// # Safety
/// `from` leads along `run` to elements of a mapped array, `to` to room for as many that nobody
/// else uses.
#[inline(always)]
pub(crate) unsafe fn load_run<T: Element>(run: Pair, from: *mut T, to: *mut T) {
    let load = match word_len(size_of::<T>()) {
        1 => load_words::<T, u8>,
        2 => load_words::<T, u16>,
        4 => load_words::<T, u32>,
        _ => load_words::<T, u64>,
    };
    // SAFETY: passed on; the word is the one of this size.
    unsafe { load(run, from, to) };
}

/// # Safety
/// As for [`load_run`], and `W` has `word_len` bytes.
#[inline(always)]
unsafe fn load_words<T: Element, W: Word>(run: Pair, from: *mut T, to: *mut T) {
    let words = size_of::<T>() / size_of::<W>();
    if run.shared() == 1 && run.private() == 1 {
        // SAFETY: the elements are adjacent on both sides, hence their words. Each element is
        // aligned to `word_len` (the invariant of `ElementSpan`), which divides its size. Others access
        // them by words of the same size (the contract of `ElementSpan`).
        unsafe { words::load::<W>(from.cast(), to.cast(), run.len * words) };
        return;
    }
    for i in 0..run.len.cast_signed() {
        let from = from.wrapping_offset(i * run.shared());
        let to = to.wrapping_offset(i * run.private());
        // SAFETY: as above, for the words of one element.
        unsafe { words::load::<W>(from.cast(), to.cast(), words) };
    }
}

/// Copies a run of elements into shared memory.
///
/// # Safety
/// `to` leads along `run` to elements of a mapped array that may be written, `from` to as many
/// that nobody writes.
#[inline(always)]
pub(crate) unsafe fn store_run<T: Element>(run: Pair, from: *const T, to: *mut T) {
    let store = match word_len(size_of::<T>()) {
        1 => store_words::<T, u8>,
        2 => store_words::<T, u16>,
        4 => store_words::<T, u32>,
        _ => store_words::<T, u64>,
    };
    // SAFETY: passed on; the word is the one of this size.
    unsafe { store(run, from, to) };
}

/// # Safety
/// As for [`store_run`], and `W` has `word_len` bytes.
#[inline(always)]
unsafe fn store_words<T: Element, W: Word>(run: Pair, from: *const T, to: *mut T) {
    let words = size_of::<T>() / size_of::<W>();
    if run.shared() == 1 && run.private() == 1 {
        // SAFETY: as in `load_words`; an Element has no padding, so its words can be read.
        unsafe { words::store::<W>(from.cast(), to.cast(), run.len * words) };
        return;
    }
    for i in 0..run.len.cast_signed() {
        let from = from.wrapping_offset(i * run.private());
        let to = to.wrapping_offset(i * run.shared());
        // SAFETY: as above, for the words of one element.
        unsafe { words::store::<W>(from.cast(), to.cast(), words) };
    }
}
