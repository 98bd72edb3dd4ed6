//! Arrays whose element type and dimensionality the compiler knows.
#![allow(unsafe_code)] // extends the lifetime of elements that an Arc keeps: see `Array`

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

use ndarray::{
    ArrayRef, ArrayView, ArrayViewMut, Dimension, IntoDimension, RawArrayView, RawArrayViewMut,
};
use shm_core::{AtomicElement, Element, Payload, Region, Result};
use shm_ndarray::{ElementSpan, Elements, ElementsMut};

use crate::access::typed_access;
use crate::any_array::sealed::AnyArray;
use crate::erased::ErasedArray;
use crate::mode::{Frozen, Guarded, Memfd, Mode, Open, ReadOnly, ReadWrite, Writable};

mod getters;

/// A shared array of elements `T` in `D` dimensions, whose mode `M` says which uses it allows.
///
/// Clones and slices show the same memory. The OS object stays while any process has it attached;
/// what happens then, its [`Cleanup`](crate::Cleanup) says. In a forked child every method but `destroy` works, and
/// dropping an array that was inherited never removes anything.
///
/// Reading and writing through `&self` is safe where the crate can see to it: copies, single
/// elements and atomics use atomic accesses, a frozen array has no writers, a guarded one has
/// guards. Ordinary views of other memory that others may write are `unsafe`: the caller vouches for
/// the phase.
pub struct Array<T: Element, D: Dimension, M: Mode = ReadWrite> {
    // Invariant: made from `erased`'s header and window, and lies in `erased`'s region. Nothing
    // hands them out for longer than `&self`.
    elements: M::Elements<T, D>,
    erased: ErasedArray,
}

/// An array that this process reads and writes.
pub type SharedArray<T, D> = Array<T, D, ReadWrite>;
/// An array on backend `memfd`, which can be frozen.
pub type MemfdArray<T, D> = Array<T, D, Memfd>;
/// An array that the kernel lets this process only read; others may write it.
pub type ReadOnlyArray<T, D> = Array<T, D, ReadOnly>;
/// An array that the kernel lets nobody write, ever again: views of it are safe.
pub type FrozenArray<T, D> = Array<T, D, Frozen>;
/// An array that processes read and write under guards and claims, and in no other way.
///
/// Whether an array is guarded is said when it is made, by [`builder`](GuardedArray::builder), and
/// stays in the segment: all processes that attach to it agree. Its elements have no other safe access, because
/// an access without a guard would race with the references that a guard of another process gives:
///
/// ```compile_fail,E0277
/// use shmarray::prelude::*;
/// let array: GuardedArray<f32, Ix1> = GuardedArray::builder(10).zeros().unwrap();
/// array.get(0); // the elements of a guarded array are reached through a guard or a chunk only
/// ```
pub type GuardedArray<T, D> = Array<T, D, Guarded>;

// SAFETY: the pointers lead into a mapping that lives while `erased` does, from any thread, and
// elements are `Send` and `Sync` themselves.
unsafe impl<T: Element, D: Dimension, M: Mode> Send for Array<T, D, M> {}
// SAFETY: what `&self` gives is safe to use from several threads at once, or `unsafe`.
unsafe impl<T: Element, D: Dimension, M: Mode> Sync for Array<T, D, M> {}

// Every pattern of bits is an element, and the guards tell which array a panic left half written.
impl<T: Element, D: Dimension, M: Mode> UnwindSafe for Array<T, D, M> {}
impl<T: Element, D: Dimension, M: Mode> RefUnwindSafe for Array<T, D, M> {}

impl ErasedArray {
    /// As an array of elements `T` in `D` dimensions, of mode `M`.
    ///
    /// # Errors
    /// [`DTypeMismatch`](shm_core::ErrorKind::DTypeMismatch), [`NdimMismatch`](shm_core::ErrorKind::NdimMismatch),
    /// [`GuardMismatch`](shm_core::ErrorKind::GuardMismatch);
    /// [`AccessDenied`](shm_core::ErrorKind::AccessDenied), [`NotSealed`](shm_core::ErrorKind::NotSealed) and
    /// [`BackendCannot`](shm_core::ErrorKind::BackendCannot) if it is not of that mode.
    pub fn typed<T: Element, D: Dimension, M: Mode>(self) -> Result<Array<T, D, M>> {
        Array::new(self)
    }
}

impl<T: Element, D: Dimension, M: Mode> Array<T, D, M> {
    pub(crate) fn new(erased: ErasedArray) -> Result<Self> {
        M::check(&erased)?;
        let place = match erased.part() {
            Some(part) => ElementSpan::new(erased.header(), part)?,
            None => ElementSpan::whole(erased.header())?,
        };
        let region: *const (dyn Region + 'static) = erased.region();
        // SAFETY: the region lies in an Arc of `erased`, which is dropped after `elements` and
        // never changed, so it outlives them and does not move.
        let region: &'static dyn Region = unsafe { &*region };
        // SAFETY: this region and this header come from the same segment.
        let elements = unsafe { M::elements(&place, region) }?;
        Ok(Self { elements, erased })
    }

    /// Attaches by name: to an anonymous array of this process, or else to a named segment.
    ///
    /// # Errors
    /// [`NotFound`](shm_core::ErrorKind::NotFound);
    /// [`DTypeMismatch`](shm_core::ErrorKind::DTypeMismatch) and
    /// [`NdimMismatch`](shm_core::ErrorKind::NdimMismatch) if it is another type of array;
    /// [`GuardMismatch`](shm_core::ErrorKind::GuardMismatch) if it is guarded and this type is not,
    /// or the other way round;
    /// [`NotASegment`](shm_core::ErrorKind::NotASegment),
    /// [`WrongOwner`](shm_core::ErrorKind::WrongOwner) and those of
    /// [`Header::decode`](shm_core::Header::decode) if it is none of ours.
    pub fn attach(name: &str) -> Result<Self> {
        Self::new(ErasedArray::open(name, M::ACCESS)?)
    }

    /// Attaches by name, and checks the shape, in elements.
    ///
    /// # Errors
    /// [`ShapeMismatch`](shm_core::ErrorKind::ShapeMismatch) with both shapes; those of
    /// [`attach`](Self::attach).
    pub fn attach_shaped(name: &str, shape: impl IntoDimension<Dim = D>) -> Result<Self> {
        let (array, expected) = (Self::attach(name)?, shape.into_dimension());
        if array.shape() == expected.slice() {
            return Ok(array);
        }
        let (expected, found) = (expected.slice().to_vec(), array.shape().to_vec());
        Err(shm_core::ErrorKind::ShapeMismatch { expected, found }.into())
    }

    /// Attaches to the array that a payload describes: by its name (`shm`), or while its sender lives
    /// (`memfd`).
    ///
    /// # Errors
    /// [`SegmentMismatch`](shm_core::ErrorKind::SegmentMismatch) if it leads to another segment;
    /// [`BackendCannot`](shm_core::ErrorKind::BackendCannot) for backend `mmap`; those of
    /// [`attach`](Self::attach).
    pub fn from_payload(payload: &Payload) -> Result<Self> {
        Self::new(ErasedArray::open_payload(payload, M::ACCESS)?)
    }

    pub(crate) fn elements_of_mode(&self) -> &M::Elements<T, D> {
        &self.elements
    }

    /// The same array, with its type known at run time only.
    pub fn erased(&self) -> ErasedArray {
        self.erased.clone()
    }
}

typed_access!(Array, Mode);

impl<T: Element, D: Dimension> GuardedArray<T, D> {
    /// Pointers to its elements, valid while any clone of this handle is attached.
    ///
    /// A caller that uses them answers for the guards of all processes.
    pub fn raw_view_mut(&self) -> RawArrayViewMut<T, D> {
        self.elements.raw_view_mut()
    }
}

impl<T: Element, D: Dimension, M: Writable> Array<T, D, M> {
    /// The same array, without the abilities that only its backend has.
    ///
    /// # Errors
    /// None in practice: every writable array is a shared one.
    pub fn into_shared(self) -> Result<SharedArray<T, D>> {
        Array::new(self.erased)
    }
}

impl<T: Element, D: Dimension> FrozenArray<T, D> {
    /// An ordinary view: safe, because the kernel refuses every writer, present and future.
    pub fn view(&self) -> ArrayView<'_, T, D> {
        // SAFETY: a FrozenArray is made only of a segment whose seals the kernel has confirmed
        // (`Mode::check`): nobody can write its elements, here or elsewhere.
        unsafe { self.elements().view() }
    }
}

impl<T: Element, D: Dimension, M: Mode> AnyArray for Array<T, D, M> {
    fn from_erased(array: ErasedArray) -> Result<Self> {
        Self::new(array)
    }

    fn as_erased(&self) -> &ErasedArray {
        &self.erased
    }

    fn into_erased(self) -> ErasedArray {
        self.erased
    }
}

impl<T: Element, D: Dimension, M: Mode> Clone for Array<T, D, M> {
    fn clone(&self) -> Self {
        Self { elements: self.elements.clone(), erased: self.erased.clone() }
    }
}

impl<T: Element, D: Dimension, M: Mode> fmt::Debug for Array<T, D, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Array(")?;
        self.erased.describe(f)?;
        f.write_str(")")
    }
}
