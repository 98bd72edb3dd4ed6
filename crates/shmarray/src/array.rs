//! Arrays whose element type and dimensionality the compiler knows.
#![allow(unsafe_code)] // Extends the lifetime of elements that an Arc keeps: see `Array`.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

use ndarray::{ArrayView, Dimension, IntoDimension, RawArrayView, SliceArg};
use shm_core::{
    Access, BackendKind, Cleanup, DType, Element, Name, Order, Paging, Payload, Region, Result,
    Window,
};
use shm_ndarray::{ElementSpan, Elements, slice_window};
use shm_select::Selection;

use crate::handle::Handle;
use crate::mode::{Frozen, Guarded, Memfd, Mode, Open, ReadOnly, ReadWrite};
use crate::{Builder, Detached, ErasedArray, Transferable};

/// A shared array of elements `T` in `D` dimensions, of which mode `M` says what may be done.
///
/// Clones and slices show the same memory. The OS object stays while any process has it attached;
/// what happens then, its [`Cleanup`] says. In a forked child every method but `destroy` works, and
/// dropping an array that was inherited never removes anything.
///
/// Reading and writing through `&self` is safe where the crate can see to it: copies, single
/// elements and atomics use atomic accesses, a frozen array has no writers, a guarded one has
/// guards. Ordinary views of other memory that others may write are `unsafe`: the caller vouches for
/// the phase.
pub struct Array<T: Element, D: Dimension, M: Mode = ReadWrite> {
    // Invariant: made from `handle`'s header and window, and lies in `handle`'s region. Nothing
    // hands them out for longer than `&self`.
    elements: M::Elements<T, D>,
    handle: Handle,
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
/// stays in the segment: all who attach to it agree. Its elements have no other safe access, because
/// an access without a guard would race with the references that a guard of another process gives:
///
/// ```compile_fail,E0599
/// use shmarray::prelude::*;
/// let array: GuardedArray<f32, Ix1> = GuardedArray::builder(10).zeros().unwrap();
/// array.get(0);
/// ```
pub type GuardedArray<T, D> = Array<T, D, Guarded>;

// SAFETY: the pointers lead into a mapping that lives while `handle` does, from any thread, and
// elements are `Send` and `Sync` themselves.
unsafe impl<T: Element, D: Dimension, M: Mode> Send for Array<T, D, M> {}
// SAFETY: what `&self` gives is safe to use from several threads at once, or `unsafe`.
unsafe impl<T: Element, D: Dimension, M: Mode> Sync for Array<T, D, M> {}

// Every pattern of bits is an element, and what a panic leaves half done is told by the guards.
impl<T: Element, D: Dimension, M: Mode> UnwindSafe for Array<T, D, M> {}
impl<T: Element, D: Dimension, M: Mode> RefUnwindSafe for Array<T, D, M> {}

impl<T: Element, D: Dimension> SharedArray<T, D> {
    /// Begins a new array of that shape, in elements. See [`Builder`].
    pub fn builder(shape: impl IntoDimension<Dim = D>) -> Builder<T, D> {
        Builder::new(shape.into_dimension())
    }
}

impl<T: Element, D: Dimension> GuardedArray<T, D> {
    /// Begins a new guarded array of that shape, in elements. See [`Builder`].
    pub fn builder(shape: impl IntoDimension<Dim = D>) -> Builder<T, D, Guarded> {
        Builder::new(shape.into_dimension())
    }
}

impl<T: Element, D: Dimension, M: Mode> Array<T, D, M> {
    pub(crate) fn new(handle: Handle) -> Result<Self> {
        M::check(&handle)?;
        let place = match handle.part() {
            Some(part) => ElementSpan::new(handle.header(), part)?,
            None => ElementSpan::whole(handle.header())?,
        };
        let region: *const (dyn Region + 'static) = handle.region();
        // SAFETY: the region lies in an Arc of `handle`, which is dropped after `elements` and
        // never changed, so it outlives them and does not move.
        let region: &'static dyn Region = unsafe { &*region };
        // SAFETY: this region and this header come from the same segment.
        let elements = unsafe { M::elements(&place, region) }?;
        Ok(Self { elements, handle })
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

    /// Attaches to what a payload describes: by its name (`shm`), or while its sender lives
    /// (`memfd`).
    ///
    /// # Errors
    /// [`SegmentMismatch`](shm_core::ErrorKind::SegmentMismatch) if it leads to another segment;
    /// [`BackendCannot`](shm_core::ErrorKind::BackendCannot) for backend `mmap`; those of
    /// [`attach`](Self::attach).
    pub fn from_payload(payload: &Payload) -> Result<Self> {
        Self::new(Handle::from_payload(payload, M::ACCESS)?)
    }

    /// What rebuilds this array in another process, with the part that it shows.
    ///
    /// On `memfd` it works while this array lives: pass the descriptor itself
    /// (`shmarray::transfer`) where that is not sure.
    ///
    /// # Errors
    /// [`BackendCannot`](shm_core::ErrorKind::BackendCannot) on backend `mmap`.
    pub fn payload(&self) -> Result<Payload> {
        self.handle.payload()
    }

    /// Its name: that of the segment, unless it was [`renamed`](Self::renamed).
    pub fn name(&self) -> &Name {
        self.handle.name()
    }

    /// The type of its elements.
    pub fn dtype(&self) -> &DType {
        self.handle.header().dtype()
    }

    /// Where the first element of the whole array lies: bytes from the start of the segment, at least
    /// 12288. It is for programs that map the segment without this library, as Python does:
    /// `np.ndarray(shape, dtype, shm.buf, offset, order=order)`. What lies before it is not for them.
    pub fn data_offset(&self) -> u64 {
        self.handle.header().data_offset()
    }

    /// The backend that it is on.
    pub fn backend(&self) -> BackendKind {
        self.handle.backend()
    }

    /// The access that this process has.
    pub fn access(&self) -> Access {
        self.handle.access()
    }

    /// Who removes it.
    pub fn cleanup(&self) -> Cleanup {
        self.handle.header().cleanup()
    }

    /// Which pages its memory here asks of the kernel, and why not huge ones.
    pub fn paging(&self) -> Paging {
        self.handle.region().paging()
    }

    /// How its backend was chosen, where that was left to the library.
    pub fn selection(&self) -> Option<&Selection> {
        self.handle.selection()
    }

    /// Length of each axis, in elements.
    pub fn shape(&self) -> &[usize] {
        self.elements_ref().shape()
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

    pub(crate) fn elements_of_mode(&self) -> &M::Elements<T, D> {
        &self.elements
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) fn into_handle(self) -> Handle {
        self.handle
    }

    fn elements_ref(&self) -> &Elements<'static, T, D> {
        M::readable(&self.elements)
    }

    /// Pointers to its elements, valid while any clone of this handle is attached.
    pub fn raw_view(&self) -> RawArrayView<T, D> {
        self.elements_ref().raw_view()
    }

    /// A part of it: ranges, steps, single indices, new axes. The same memory.
    ///
    /// # Errors
    /// [`OutOfBounds`](shm_core::ErrorKind::OutOfBounds), with the figures, for an index out
    /// of bounds; [`ZeroStep`](shm_core::ErrorKind::ZeroStep).
    pub fn slice<I: SliceArg<D>>(&self, info: I) -> Result<Array<T, I::OutDim, M>> {
        self.show(slice_window(&self.handle.window(), info.as_ref())?)
    }

    /// Its elements in another shape, in the order of the whole array. The same memory.
    ///
    /// # Errors
    /// [`ReshapeMismatch`](shm_core::ErrorKind::ReshapeMismatch) if the number of elements differs;
    /// [`NotContiguous`](shm_core::ErrorKind::NotContiguous) if this is a part that does not lie in one piece.
    pub fn reshape<E: IntoDimension>(&self, shape: E) -> Result<Array<T, E::Dim, M>> {
        let order: Order = self.handle.header().layout().order();
        let shape = shape.into_dimension();
        self.show(self.handle.window().reshape(shape.slice(), order, size_of::<T>())?)
    }

    /// A clone that goes by another name in this process: in [`name`](Self::name), errors and
    /// `Debug`. The same memory; the segment, and with it payloads, keep their own name.
    ///
    /// # Errors
    /// [`InvalidName`](shm_core::ErrorKind::InvalidName).
    pub fn renamed(&self, name: &str) -> Result<Self> {
        Self::new(self.handle.labelled(Name::new(name)?))
    }

    fn show<E: Dimension>(&self, window: Window) -> Result<Array<T, E, M>> {
        Array::new(self.handle.showing(window))
    }

    /// Unmaps it here, and keeps presence, so that the resource stays and can be mapped again.
    ///
    /// Other clones in this process keep the mapping. On `mmap` there is nothing but the mapping,
    /// so it stays.
    pub fn detach(self) -> Detached<T, D, M> {
        Detached::new(self.handle.detach())
    }

    /// Removes the OS object's name, if it has one; a second call does nothing. Those attached,
    /// this handle included, keep their memory.
    ///
    /// # Errors
    /// [`ForkedChild`](shm_core::ErrorKind::ForkedChild) on `shm` in a child that inherited it;
    /// [`Busy`](shm_core::ErrorKind::Busy) if another process changes the name and does not finish.
    pub fn destroy(&self) -> Result<()> {
        self.handle.segment().destroy()
    }

    /// The same array, with its type known at run time only.
    pub fn erased(&self) -> ErasedArray {
        ErasedArray::new(self.handle.clone())
    }
}

impl<T: Element, D: Dimension, M: Open> Array<T, D, M> {
    /// Its elements, for as long as this handle is borrowed.
    pub fn elements(&self) -> Elements<'_, T, D> {
        self.elements_ref().clone()
    }

    /// The element at an index, or `None` outside the shape. Safe while others write.
    pub fn get(&self, index: impl IntoDimension<Dim = D>) -> Option<T> {
        self.elements_ref().get(index)
    }

    /// A copy of its own, outside shared memory. Safe while others write.
    pub fn to_owned_array(&self) -> ndarray::Array<T, D> {
        self.elements_ref().to_array()
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

impl<T: Element, D: Dimension> ReadOnlyArray<T, D> {
    /// An ordinary view.
    ///
    /// # Safety
    /// While the view lives, no thread and no process writes the elements it shows. Others may
    /// have the array attached for writing: a barrier between writing and reading sees to that.
    pub unsafe fn view(&self) -> ArrayView<'_, T, D> {
        // SAFETY: the caller's word.
        unsafe { self.elements().view() }
    }
}

impl<T: Element, D: Dimension, M: Mode> Transferable for Array<T, D, M> {}

impl<T: Element, D: Dimension, M: Mode> crate::transferable::Sealed for Array<T, D, M> {
    fn handle(&self) -> &Handle {
        Self::handle(self) // the crate's own method of that name
    }
}

impl<T: Element, D: Dimension, M: Mode> Clone for Array<T, D, M> {
    fn clone(&self) -> Self {
        Self { elements: self.elements.clone(), handle: self.handle.clone() }
    }
}

impl<T: Element, D: Dimension, M: Mode> fmt::Debug for Array<T, D, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Array({:?})", self.handle)
    }
}
