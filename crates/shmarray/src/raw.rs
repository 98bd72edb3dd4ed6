//! Arrays in raw segments: blocks of shared memory that other programs make, without a header.
#![allow(unsafe_code)] // extends the lifetime of elements that an Arc keeps, as in `Array`

use std::fmt;
use std::sync::Arc;

use ndarray::{
    ArrayRef, ArrayView, ArrayViewMut, Dimension, IntoDimension, RawArrayView, RawArrayViewMut,
    SliceArg,
};
use shm_core::{Access, AtomicElement, DType, Element, Layout, Name, Region, Result, Window};
use shm_ndarray::{ElementSpan, Elements, ElementsMut, slice_window};
use shm_posix::RawSegment;

use crate::located::{Entry, Known, Located};
use crate::mode::{Open, ReadOnly, ReadWrite, Writable};

mod builder;

pub use builder::RawBuilder;

/// An array of elements `T` in `D` dimensions in a raw segment, of which mode `M` says what may be
/// done: [`RawArray`] or [`ReadOnlyRawArray`].
///
/// A raw segment is a file in `/dev/shm` that says nothing about itself, such as a block of
/// Python's `multiprocessing.shared_memory`. What its bytes mean, all who use it have agreed
/// elsewhere: dtype, shape, order, and where the data begin are the caller's word, and nothing can
/// check more than that the segment is long enough.
///
/// What a shared array has and a raw one has not:
/// - **Clean-up.** Nobody is counted. Dropping a handle unmaps; the name, and with it the memory,
///   stays until somebody calls [`unlink`](Self::unlink) or [`delete`](crate::delete).
///   [`gc`](crate::gc) never touches it.
/// - **A size that holds.** Any process of the user may shorten the segment at any time. The next
///   touch of what is gone is SIGBUS, which ends the process.
/// - Guards, claims, payloads, [`pass`](crate::transfer), detaching: use a
///   [`SharedArray`](crate::SharedArray).
///
/// Clones and slices show the same memory. The safe methods may be called while other threads and
/// processes write, in whatever way: elements of 1, 2, 4 and 8 bytes are not poisoned if those write
/// them in one piece.
///
/// ```
/// use shmarray::RawArray;
/// use shmarray::prelude::*;
///
/// # fn main() -> shmarray::Result<()> {
/// # let name = shmarray::unique_name("doc-raw")?;
/// # let name = name.as_str();
/// // shm = SharedMemory(name, create=True, size=24)
/// let made: RawArray<f32, Ix2> = RawArray::create(name, (2, 3))?;
/// made.set((1, 2), 4.5)?;
///
/// // np.ndarray((3,), np.float32, shm.buf, offset=12)
/// let row: RawArray<f32, Ix1> = RawArray::builder(3).offset(12).attach(name)?;
/// assert_eq!(row.get(2), Some(4.5));
///
/// let long = RawArray::<f32, _>::attach(name, 7).unwrap_err();
/// assert_eq!(long.to_string(), "the raw segment is truncated: needs 28 bytes, has 24");
/// made.unlink()?;
/// # Ok(())
/// # }
/// ```
pub struct Raw<T: Element, D: Dimension, M: Open = ReadWrite> {
    // Invariant: of `shown` in the region of `attachment`. Nothing hands them out for longer than
    // `&self`. All who share `attachment` have the same T.
    elements: M::Elements<T, D>,
    attachment: Arc<RawAttachment>,
    shown: Shown,
}

/// A raw array that this process reads and writes.
pub type RawArray<T, D> = Raw<T, D, ReadWrite>;
/// A raw array that the kernel lets this process only read; others may write it.
pub type ReadOnlyRawArray<T, D> = Raw<T, D, ReadOnly>;

/// A raw segment, which is found by its addresses.
struct RawAttachment {
    _entry: Entry, // dropped before the segment
    segment: RawSegment,
}

impl RawAttachment {
    fn new(segment: RawSegment, shown: &Shown, located: Located) -> Arc<Self> {
        let (len, known) = (shown.layout.nbytes(), Known::Raw(Arc::new(located)));
        let entry = Entry::new(segment.region(), shown.offset, len, known);
        Arc::new(Self { _entry: entry, segment })
    }
}

/// Which bytes of a segment an array shows.
#[derive(Clone)]
struct Shown {
    layout: Layout,
    offset: u64,
    window: Window,
}

// SAFETY: the pointers lead into a mapping that lives while `attachment` does, from any thread, and
// elements are `Send` and `Sync` themselves.
unsafe impl<T: Element, D: Dimension, M: Open> Send for Raw<T, D, M> {}
// SAFETY: what `&self` gives is safe to use from several threads at once, or `unsafe`.
unsafe impl<T: Element, D: Dimension, M: Open> Sync for Raw<T, D, M> {}

impl<T: Element, D: Dimension> RawArray<T, D> {
    /// Begins an array of that shape, in elements. See [`RawBuilder`].
    pub fn builder(shape: impl IntoDimension<Dim = D>) -> RawBuilder<T, D> {
        RawBuilder::new(shape)
    }

    /// Attaches to a segment that holds an array of that shape, in C order, from its first byte.
    ///
    /// # Errors
    /// Those of [`RawBuilder::attach`].
    pub fn attach(name: &str, shape: impl IntoDimension<Dim = D>) -> Result<Self> {
        Self::builder(shape).attach(name)
    }

    /// Makes a segment of zeros for an array of that shape, in C order.
    ///
    /// # Errors
    /// Those of [`RawBuilder::create`].
    pub fn create(name: &str, shape: impl IntoDimension<Dim = D>) -> Result<Self> {
        Self::builder(shape).create(name)
    }
}

impl<T: Element, D: Dimension> ReadOnlyRawArray<T, D> {
    /// Begins an array of that shape, in elements. See [`RawBuilder`].
    pub fn builder(shape: impl IntoDimension<Dim = D>) -> RawBuilder<T, D, ReadOnly> {
        RawBuilder::new(shape)
    }

    /// Attaches to a segment that holds an array of that shape, in C order, from its first byte.
    ///
    /// # Errors
    /// Those of [`RawBuilder::attach`].
    pub fn attach(name: &str, shape: impl IntoDimension<Dim = D>) -> Result<Self> {
        Self::builder(shape).attach(name)
    }
}

impl<T: Element, D: Dimension, M: Open> Raw<T, D, M> {
    fn new(attachment: Arc<RawAttachment>, shown: Shown) -> Result<Self> {
        let place = shown.place()?;
        let region: *const (dyn Region + 'static) = attachment.segment.region();
        // SAFETY: the region lies in the Arc, which is dropped after `elements` and never changed,
        // so it outlives them and does not move.
        let region: &'static dyn Region = unsafe { &*region };
        // SAFETY: the mapping begins with the segment, and has no elements but `T`: an attach maps
        // anew, and slices and clones keep the type.
        let elements = unsafe { M::elements(&place, region) }?;
        Ok(Self { elements, attachment, shown })
    }

    fn elements_ref(&self) -> &Elements<'static, T, D> {
        M::readable(&self.elements)
    }

    /// Its elements, for as long as this handle is borrowed.
    pub fn elements(&self) -> Elements<'_, T, D> {
        self.elements_ref().clone()
    }

    /// The segment's name.
    pub fn name(&self) -> &Name {
        self.attachment.segment.name()
    }

    /// The type of its elements, as the caller said.
    pub fn dtype(&self) -> DType {
        T::dtype()
    }

    /// The access that this process has.
    pub fn access(&self) -> Access {
        M::ACCESS
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

    /// Size of the segment, in bytes, when it was made or attached.
    pub fn segment_len(&self) -> u64 {
        self.attachment.segment.segment_len()
    }

    /// The element at an index, or `None` outside the shape. Safe while others write.
    pub fn get(&self, index: impl IntoDimension<Dim = D>) -> Option<T> {
        self.elements_ref().get(index)
    }

    /// A copy of its own, outside shared memory. Safe while others write.
    pub fn to_owned_array(&self) -> ndarray::Array<T, D> {
        self.elements_ref().to_array()
    }

    /// Pointers to its elements, valid while any clone of this handle lives.
    pub fn raw_view(&self) -> RawArrayView<T, D> {
        self.elements_ref().raw_view()
    }

    /// An ordinary view.
    ///
    /// # Safety
    /// While the view lives, no thread and no process writes the elements it shows, nor shortens
    /// the segment: not Rust, nor any other program that has it.
    pub unsafe fn view(&self) -> ArrayView<'_, T, D> {
        // SAFETY: the caller's word.
        unsafe { self.elements().view() }
    }

    /// A part of it: ranges, steps, single indices, new axes. The same memory.
    ///
    /// # Errors
    /// [`OutOfBounds`](shm_core::ErrorKind::OutOfBounds), with the figures, for an index out of
    /// bounds; [`ZeroStep`](shm_core::ErrorKind::ZeroStep).
    pub fn slice<I: SliceArg<D>>(&self, info: I) -> Result<Raw<T, I::OutDim, M>> {
        let window = slice_window(&self.shown.window, info.as_ref())?;
        Raw::new(Arc::clone(&self.attachment), Shown { window, ..self.shown.clone() })
    }

    /// Removes the segment's name, if it still bears it. Those attached, this handle included, keep
    /// their memory. See `shm_unlink(3)`.
    ///
    /// # Errors
    /// [`ForkedChild`](shm_core::ErrorKind::ForkedChild) in a child that inherited it;
    /// [`Busy`](shm_core::ErrorKind::Busy) if another process changes the name and does not finish.
    pub fn unlink(&self) -> Result<()> {
        self.attachment.segment.unlink()
    }
}

impl<T: Element, D: Dimension, M: Open + Writable> Raw<T, D, M> {
    fn writable(&self) -> &ElementsMut<'static, T, D> {
        M::writable(&self.elements)
    }

    /// Its elements for writing, for as long as this handle is borrowed.
    pub fn elements_mut(&self) -> ElementsMut<'_, T, D> {
        self.writable().clone()
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

    /// Pointers to its elements, valid while any clone of this handle lives.
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

    /// An ordinary mutable view.
    ///
    /// # Safety
    /// While the view lives, nobody else reads or writes the elements it shows, nor shortens the
    /// segment: not Rust, nor any other program that has it.
    #[allow(clippy::mut_from_ref)] // exclusive by the caller's word, not by the handle
    pub unsafe fn view_mut(&self) -> ArrayViewMut<'_, T, D> {
        // SAFETY: the caller's word.
        unsafe { self.elements_mut().view_mut() }
    }
}

impl Shown {
    fn place<T: Element, D: Dimension>(&self) -> Result<ElementSpan<T, D>> {
        ElementSpan::raw(&self.layout, self.offset, &self.window)
    }
}

impl<T: Element, D: Dimension, M: Open> Clone for Raw<T, D, M> {
    fn clone(&self) -> Self {
        let (elements, attachment) = (self.elements.clone(), Arc::clone(&self.attachment));
        Self { elements, attachment, shown: self.shown.clone() }
    }
}

impl<T: Element, D: Dimension, M: Open> fmt::Debug for Raw<T, D, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, dtype) = (self.name().as_str(), self.dtype());
        write!(f, "Raw({name:?}, {dtype} {:?} at {})", self.shape(), self.shown.offset)
    }
}
