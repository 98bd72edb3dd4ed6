//! The elements of a mapped window: raw pointers, atomics, and references for a caller who vouches.
#![allow(unsafe_code)] // Turns pointers into references; what they rely on is on `Elements`.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use ndarray::{ArrayView, ArrayViewMut, Dimension, RawArrayView, RawArrayViewMut};
use shm_core::{AtomicElement, Element, Region};

/// The elements of a window of a mapped array, for reading.
///
/// The safe methods may be called while other threads and processes write. They never make a
/// reference to the shared bytes: each word of an element is loaded atomically, so elements of 1,
/// 2, 4 and 8 bytes are never torn. Larger ones can be, between words; every pattern of bits is a
/// valid value. Loads are relaxed: what was written before something else happened is ordered only
/// by a lock, a barrier, or a flag.
#[derive(Clone)]
pub struct Elements<'r, T, D> {
    // Invariant: the pointers were made by `ElementSpan` from a region that lives for 'r. They may
    // be written only through `ElementsMut`.
    raw: RawArrayViewMut<T, D>,
    region: PhantomData<&'r ()>,
}

impl<'r, T: Element, D: Dimension> Elements<'r, T, D> {
    pub(crate) fn new<R>(raw: RawArrayViewMut<T, D>, _region: &'r R) -> Self
    where
        R: Region + ?Sized,
    {
        let region = PhantomData;
        Self { raw, region }
    }

    pub(crate) fn pointers(&self) -> &RawArrayViewMut<T, D> {
        &self.raw
    }

    /// Length of each axis, in elements.
    pub fn shape(&self) -> &[usize] {
        self.raw.shape()
    }

    /// Distance between neighbours along each axis, in elements; may be negative.
    pub fn strides(&self) -> &[isize] {
        self.raw.strides()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Pointers to the elements, valid while the region lives.
    ///
    /// Reading through them is `unsafe`; it must be atomic, or nobody may write meanwhile.
    pub fn raw_view(&self) -> RawArrayView<T, D> {
        self.raw.raw_view()
    }

    /// An ordinary view.
    ///
    /// # Safety
    /// While the view lives, nobody writes its elements: no thread of this process, by any method
    /// of this crate, and no other process. A frozen segment, a lock, or a barrier between
    /// writing and reading sees to that.
    pub unsafe fn view(&self) -> ArrayView<'r, T, D> {
        // SAFETY: the pointers are aligned and lie within a mapping that lives for 'r, every
        // pattern of bits is a T, and the caller vouches that nobody writes during 'r.
        unsafe { self.raw_view().deref_into_view() }
    }
}

/// The elements of a window of a mapped array, for reading and writing.
///
/// Any number of these may exist for the same elements. The safe methods may be called
/// while other threads and processes read and write; stores are atomic, as loads are (see
/// [`Elements`], whose methods it has).
#[derive(Clone)]
pub struct ElementsMut<'r, T, D> {
    // Invariant: the region may be written.
    elements: Elements<'r, T, D>,
}

impl<'r, T: Element, D: Dimension> ElementsMut<'r, T, D> {
    pub(crate) fn new(elements: Elements<'r, T, D>) -> Self {
        Self { elements }
    }

    /// Pointers to the elements, valid while the region lives.
    ///
    /// Using them is `unsafe`; it must be atomic, or nobody else may have access meanwhile.
    pub fn raw_view_mut(&self) -> RawArrayViewMut<T, D> {
        self.elements.raw.clone()
    }

    /// An ordinary mutable view.
    ///
    /// # Safety
    /// While the view lives, nobody else reads or writes its elements: no thread of this process,
    /// by any method of this crate, and no other process. Regions that do not overlap, a lock, or
    /// barriers see to that.
    pub unsafe fn view_mut(&self) -> ArrayViewMut<'r, T, D> {
        // SAFETY: the pointers are aligned and lie within a writable mapping that lives for 'r,
        // no two indices lead to the same element, every pattern of bits is a T, and the caller
        // vouches that nobody else has access during 'r.
        unsafe { self.raw_view_mut().deref_into_view_mut() }
    }

    /// A view of atomics: other threads and processes may use the elements at the same time.
    ///
    /// It needs a writable region, because all atomic accesses but small relaxed loads may fault
    /// on read-only memory (std, "Atomic accesses to read-only memory").
    pub fn atomic_view(&self) -> ArrayView<'r, T::Atomic, D>
    where
        T: AtomicElement,
    {
        let atomics = self.raw_view().cast::<T::Atomic>();
        // SAFETY: `AtomicElement` promises the size, alignment and bits of T, so the pointers are
        // aligned, within a writable mapping that lives for 'r, and lead to valid atomics.
        // References to atomics may be shared; the accesses of this crate are atomic too, and
        // have the same size. The caller of `view` or `view_mut` vouches that nobody uses these meanwhile.
        unsafe { atomics.deref_into_view() }
    }
}

impl<'r, T, D> Deref for ElementsMut<'r, T, D> {
    type Target = Elements<'r, T, D>;

    fn deref(&self) -> &Self::Target {
        &self.elements
    }
}

impl<T: Element, D: Dimension> fmt::Debug for Elements<'_, T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elements")
            .field("dtype", &std::any::type_name::<T>())
            .field("first", &self.raw.as_ptr())
            .field("shape", &self.shape())
            .field("strides", &self.strides())
            .finish()
    }
}

impl<T: Element, D: Dimension> fmt::Debug for ElementsMut<'_, T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ElementsMut").field(&self.elements).finish()
    }
}
