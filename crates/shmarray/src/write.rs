//! Writing to an array that may be written.
#![allow(unsafe_code)] // `unsafe fn view`, `view_mut`: the caller's word passed on.

use ndarray::{ArrayRef, ArrayView, ArrayViewMut, Dimension, IntoDimension, RawArrayViewMut};
use shm_core::{AtomicElement, Element, Result};
use shm_ndarray::ElementsMut;

use crate::mode::Writable;
use crate::{Array, GuardedArray, SharedArray};

impl<T: Element, D: Dimension, M: Writable> Array<T, D, M> {
    /// Its elements for writing, for as long as this handle is borrowed.
    pub fn elements_mut(&self) -> ElementsMut<'_, T, D> {
        self.writable().clone()
    }

    fn writable(&self) -> &ElementsMut<'static, T, D> {
        M::writable(self.elements_of_mode())
    }

    /// Writes the element at an index. Safe while others read and write.
    ///
    /// # Errors
    /// [`OutOfBounds`](shm_core::ErrorKind::OutOfBounds) outside the shape.
    pub fn set(&self, index: impl IntoDimension<Dim = D>, value: T) -> Result<()> {
        self.writable().set(index, value)
    }

    /// Writes every element. Safe while others read and write.
    pub fn fill(&self, value: T) {
        self.writable().fill(value);
    }

    /// Copies an array of the same shape into it. Safe while others read and write.
    ///
    /// # Errors
    /// [`ShapeMismatch`](shm_core::ErrorKind::ShapeMismatch) with both shapes.
    pub fn copy_from(&self, from: &ArrayRef<T, D>) -> Result<()> {
        self.writable().copy_from(from)
    }

    /// Pointers to its elements, valid while any clone of this handle is attached.
    pub fn raw_view_mut(&self) -> RawArrayViewMut<T, D> {
        self.writable().raw_view_mut()
    }

    /// A view of atomics: threads and processes may use the elements at the same time.
    pub fn atomic_view(&self) -> ArrayView<'_, T::Atomic, D>
    where
        T: AtomicElement,
    {
        self.writable().atomic_view()
    }

    /// An ordinary view.
    ///
    /// # Safety
    /// While the view lives, no thread and no process writes the elements it shows: by any method
    /// of any handle, in any attached process. A barrier between writing and reading sees to that.
    pub unsafe fn view(&self) -> ArrayView<'_, T, D> {
        // SAFETY: the caller's word.
        unsafe { self.elements().view() }
    }

    /// An ordinary mutable view. It takes `&self`, as the array has other handles elsewhere.
    ///
    /// # Safety
    /// While the view lives, nobody else reads or writes the elements it shows: no thread, by any
    /// method of any handle, and no other process. Parts that do not overlap see to that.
    #[allow(clippy::mut_from_ref)] // exclusive by the caller's word, not by the handle
    pub unsafe fn view_mut(&self) -> ArrayViewMut<'_, T, D> {
        // SAFETY: the caller's word.
        unsafe { self.elements_mut().view_mut() }
    }

    /// The same array, without what only its backend can do.
    ///
    /// # Errors
    /// None in practice: what is writable is a shared array.
    pub fn into_shared(self) -> Result<SharedArray<T, D>> {
        Array::new(self.into_handle())
    }
}

impl<T: Element, D: Dimension> GuardedArray<T, D> {
    /// The elements, which only guards and claims may hand out.
    pub(crate) fn elements_mut_of(&self) -> &ElementsMut<'static, T, D> {
        self.elements_of_mode()
    }

    /// Pointers to its elements, valid while any clone of this handle is attached.
    ///
    /// Whoever uses them answers for the guards of all processes.
    pub fn raw_view_mut(&self) -> RawArrayViewMut<T, D> {
        self.elements_mut_of().raw_view_mut()
    }
}
