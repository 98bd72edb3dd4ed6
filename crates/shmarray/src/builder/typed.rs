//! The contents of a new array whose element type the compiler knows.
#![allow(unsafe_code)] // fills a region that nobody else has yet

use std::cell::Cell;

use ndarray::{ArrayRef, Dimension, IntoDimension, indices};
use shm_core::{DType, Element, ErrorKind, Fill, Header, Order, Region, Result, Sink, Window};
use shm_ndarray::{ElementSpan, ElementsMut};

use super::{Buildable, Builder, sealed};
use crate::array::{Array, GuardedArray, SharedArray};
use crate::contents;
use crate::mode::Mode;

impl<T: Element, D: Dimension> SharedArray<T, D> {
    /// Begins a new array of that shape, in elements. See [`Builder`].
    pub fn builder(shape: impl IntoDimension<Dim = D>) -> Builder<Self> {
        Builder::new(shape.into_dimension())
    }
}

impl<T: Element, D: Dimension> GuardedArray<T, D> {
    /// Begins a new guarded array of that shape, in elements. See [`Builder`].
    pub fn builder(shape: impl IntoDimension<Dim = D>) -> Builder<Self> {
        Builder::new(shape.into_dimension())
    }
}

impl<T: Element, D: Dimension> Buildable for SharedArray<T, D> {}
impl<T: Element, D: Dimension> Buildable for GuardedArray<T, D> {}

impl<T: Element, D: Dimension, M: Mode> sealed::Buildable for Array<T, D, M> {
    type Form = D;

    fn dtype(_: &D) -> DType {
        T::dtype()
    }

    fn itemsize(_: &D) -> usize {
        size_of::<T>()
    }

    fn shape(shape: &D) -> &[usize] {
        shape.slice()
    }

    fn guarded(_: &D) -> bool {
        M::GUARDED
    }
}

impl<T: Element, D: Dimension, M: Mode> Builder<Array<T, D, M>>
where
    Array<T, D, M>: Buildable<Form = D>,
{
    /// Makes it, filled with a value.
    ///
    /// # Errors
    /// Those of [`zeros`](Self::zeros).
    pub fn full(self, value: T) -> Result<Array<T, D, M>> {
        let layout = self.layout()?;
        let len = layout.len();
        let mut fill = |to: &mut dyn Sink| contents::write_value(value, len, to);
        self.make(layout, Some(Fill::InOrder(&mut fill)))
    }

    /// Makes it, filled by a function of the index. If that panics, nothing is left behind.
    ///
    /// `f` is called once for each index, when the memory is there.
    ///
    /// # Errors
    /// Those of [`zeros`](Self::zeros).
    pub fn from_fn(self, mut f: impl FnMut(D::Pattern) -> T) -> Result<Array<T, D, M>> {
        let layout = self.layout()?;
        let (shape, order) = (self.form.clone(), self.order);
        let mut in_order = |to: &mut dyn Sink| {
            contents::write_each(indices(shape.clone()).into_iter().map(&mut f), to)
        };
        if order == Order::C {
            return self.make(layout, Some(Fill::InOrderOnce(&mut in_order, &Cell::new(false))));
        }
        let mut in_place = |header: &Header, region: &dyn Region| {
            let place = ElementSpan::new(header, &Window::whole(header.layout()))?;
            // SAFETY: the backend gives the header of this region.
            let elements: ElementsMut<'_, T, D> = unsafe { place.elements_mut(region) }?;
            // SAFETY: the region is not published yet: nobody else has it.
            let mut view = unsafe { elements.view_mut() };
            for (index, element) in view.indexed_iter_mut() {
                *element = f(index);
            }
            Ok(())
        };
        self.make(layout, Some(Fill::InPlace(&mut in_place)))
    }

    /// Makes it, filled from an array of the same shape and any strides.
    ///
    /// # Errors
    /// [`ShapeMismatch`](shm_core::ErrorKind::ShapeMismatch); those of [`zeros`](Self::zeros).
    pub fn copy_of(self, from: &ArrayRef<T, D>) -> Result<Array<T, D, M>> {
        let layout = self.layout()?;
        if layout.shape() != from.shape() {
            let (expected, found) = (layout.shape().to_vec(), from.shape().to_vec());
            return Err(ErrorKind::ShapeMismatch { expected, found }.into());
        }
        let order = self.order;
        let mut fill = |to: &mut dyn Sink| contents::write_array(from, order, to);
        self.make(layout, Some(Fill::InOrder(&mut fill)))
    }
}
