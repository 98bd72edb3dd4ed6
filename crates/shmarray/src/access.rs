//! What every typed array gives of its elements, whether its segment is ours or raw.

/// Implements it for a type that has a field `elements: M::Elements<T, D>`; `$all` is the trait of all
/// modes that it can have.
macro_rules! typed_access {
    ($array:ident, $all:ident) => {
        impl<T: Element, D: Dimension, M: $all> $array<T, D, M> {
            // Methods that people look for on every array have their condition on themselves, so that the
            // compiler says what the trait of the mode says about it.

            fn elements_ref(&self) -> &Elements<'static, T, D> {
                M::readable(&self.elements)
            }

            /// Length of each axis, in elements.
            pub fn shape(&self) -> &[usize] {
                self.elements_ref().shape()
            }

            /// Distance of neighbours along each axis, in elements; may be negative.
            pub fn strides(&self) -> &[isize] {
                self.elements_ref().strides()
            }

            /// Number of dimensions.
            pub fn ndim(&self) -> usize {
                self.shape().len()
            }

            /// Number of elements that it shows.
            pub fn len(&self) -> usize {
                self.elements_ref().len()
            }

            /// Whether it shows no element.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Size of the elements that it shows, in bytes.
            pub fn nbytes(&self) -> usize {
                self.len() * size_of::<T>()
            }

            /// Pointers to its elements, valid while any clone of this handle is attached.
            pub fn raw_view(&self) -> RawArrayView<T, D> {
                self.elements_ref().raw_view()
            }

            /// The element at an index, or `None` outside the shape. Safe while others write.
            pub fn get(&self, index: impl IntoDimension<Dim = D>) -> Option<T>
            where
                M: Open,
            {
                self.elements_ref().get(index)
            }

            /// A copy of its own, outside shared memory. Safe while others write.
            pub fn to_owned_array(&self) -> ndarray::Array<T, D>
            where
                M: Open,
            {
                self.elements_ref().to_array()
            }

            /// Writes the element at an index. Safe while others read and write.
            ///
            /// # Errors
            /// [`OutOfBounds`](shm_core::ErrorKind::OutOfBounds) outside the shape.
            pub fn set(&self, index: impl IntoDimension<Dim = D>, value: T) -> Result<()>
            where
                M: Writable,
            {
                self.writable().set(index, value)
            }

            /// Writes every element. Safe while others read and write.
            pub fn fill(&self, value: T)
            where
                M: Writable,
            {
                self.writable().fill(value);
            }

            /// Copies an array of the same shape into it. Safe while others read and write.
            ///
            /// # Errors
            /// [`ShapeMismatch`](shm_core::ErrorKind::ShapeMismatch) with both shapes.
            pub fn copy_from(&self, from: &ArrayRef<T, D>) -> Result<()>
            where
                M: Writable,
            {
                self.writable().copy_from(from)
            }
        }

        impl<T: Element, D: Dimension, M: Open> $array<T, D, M> {
            /// Its elements, for as long as this handle is borrowed.
            pub fn elements(&self) -> Elements<'_, T, D> {
                self.elements_ref().clone()
            }
        }

        impl<T: Element, D: Dimension> $array<T, D, ReadOnly> {
            /// An ordinary view.
            ///
            /// # Safety
            /// While the view lives, no thread and no process writes the elements it shows, nor
            /// shortens a raw segment. Others may have the array attached for writing: a barrier
            /// between writing and reading sees to that.
            pub unsafe fn view(&self) -> ArrayView<'_, T, D> {
                // SAFETY: the caller's word.
                unsafe { self.elements().view() }
            }
        }

        impl<T: Element, D: Dimension, M: Writable> $array<T, D, M> {
            fn writable(&self) -> &ElementsMut<'static, T, D> {
                M::writable(&self.elements)
            }

            /// Its elements for writing, for as long as this handle is borrowed.
            pub fn elements_mut(&self) -> ElementsMut<'_, T, D> {
                self.writable().clone()
            }

            /// Changes every element by a function of its value, at a copy's speed.
            ///
            /// Safe while others read and write: each element is loaded atomically, changed, and stored
            /// atomically. It is not a snapshot, and not one step: what another writes to an element
            /// between its load and its store is lost. Where that must not be, use
            /// [`atomic_view`](Self::atomic_view), or an array with guards. The order of the calls is
            /// not defined.
            pub fn map_inplace(&self, change: impl FnMut(&mut T)) {
                self.writable().map_inplace(change);
            }

            /// Changes every element by a function of its value and of the element at the same index
            /// of another array, as [`map_inplace`](Self::map_inplace) does.
            ///
            /// ```
            /// use shmarray::prelude::*;
            ///
            /// # fn main() -> shmarray::Result<()> {
            /// let sum: SharedArray<f64, Ix1> = SharedArray::builder(3).unique("sum").zeros()?;
            /// let part: SharedArray<f32, Ix1> = SharedArray::builder(3).unique("part").full(1.5)?;
            /// sum.zip_mut_with(&part.elements(), |sum, part| *sum += f64::from(*part))?;
            /// sum.map_inplace(|sum| *sum *= 2.0);
            /// assert_eq!(sum.get(2), Some(3.0));
            /// # Ok(())
            /// # }
            /// ```
            ///
            /// # Errors
            /// [`ShapeMismatch`](shm_core::ErrorKind::ShapeMismatch) with both shapes.
            pub fn zip_mut_with<U: Element>(
                &self,
                other: &Elements<'_, U, D>,
                change: impl FnMut(&mut T, &U),
            ) -> Result<()> {
                self.writable().zip_mut_with(other, change)
            }

            /// Pointers to its elements, valid while any clone of this handle is attached.
            pub fn raw_view_mut(&self) -> RawArrayViewMut<T, D> {
                self.writable().raw_view_mut()
            }

            /// A view of atomics: threads and processes may use the elements at the same time.
            ///
            /// Of floating-point numbers too: `sums.atomic_view()[i].fetch_add(0.5, Relaxed)` loses no
            /// addition. See [`AtomicF32`](crate::dtype::AtomicF32).
            pub fn atomic_view(&self) -> ArrayView<'_, T::Atomic, D>
            where
                T: AtomicElement,
            {
                self.writable().atomic_view()
            }

            /// An ordinary view.
            ///
            /// # Safety
            /// While the view lives, no thread and no process writes the elements it shows, by any
            /// method of any handle, in any attached process, nor shortens a raw segment. A barrier
            /// between writing and reading sees to that.
            pub unsafe fn view(&self) -> ArrayView<'_, T, D> {
                // SAFETY: the caller's word.
                unsafe { self.elements().view() }
            }

            /// An ordinary mutable view. It takes `&self`, as the array has other handles elsewhere.
            ///
            /// # Safety
            /// While the view lives, nobody else reads or writes the elements it shows, nor shortens a
            /// raw segment: no thread, by any method of any handle, and no other process. Parts that
            /// do not overlap see to that.
            #[allow(clippy::mut_from_ref)] // exclusive by the caller's word, not by the handle
            pub unsafe fn view_mut(&self) -> ArrayViewMut<'_, T, D> {
                // SAFETY: the caller's word.
                unsafe { self.elements_mut().view_mut() }
            }
        }
    };
}

pub(crate) use typed_access;
