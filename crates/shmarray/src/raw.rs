//! Arrays in raw segments: blocks of shared memory that other programs make, without a header.
#![allow(unsafe_code)] // extends the lifetime of elements that an Arc keeps, as in `Array`

use std::fmt;
use std::sync::Arc;

use ndarray::{
    ArrayRef, ArrayView, ArrayViewMut, Dimension, IntoDimension, RawArrayView, RawArrayViewMut,
    SliceArg,
};
use shm_core::{Access, AtomicElement, DType, Element, Name, Region, Result};
use shm_ndarray::{Elements, ElementsMut, slice_window};

use crate::access::typed_access;
use crate::mode::{Open, ReadOnly, ReadWrite, Writable};

mod attachment;
mod builder;

use attachment::{RawAttachment, RawSpan};
pub use builder::RawBuilder;

/// An array of elements `T` in `D` dimensions in a raw segment, whose mode `M` says which uses it
/// allows: [`RawArray`] or [`ReadOnlyRawArray`].
///
/// A raw segment is a file in `/dev/shm` that says nothing about itself, such as a block of
/// Python's `multiprocessing.shared_memory`. The programs that use it have agreed elsewhere
/// what its bytes mean: dtype, shape, order, and where the data begin are the caller's word, and nothing can
/// check more than that the segment is long enough.
///
/// What a shared array has and a raw one has not:
/// - **Clean-up.** Processes that have it are not counted. Dropping a handle unmaps; the name, and with it the memory,
///   stays until somebody calls [`unlink`](Self::unlink) or [`delete`](crate::names::delete).
///   [`gc`](crate::names::gc) never touches it.
/// - **A size that holds.** Any process of the user may shorten the segment at any time. The next
///   touch of what is gone is SIGBUS, which ends the process.
/// - Guards, claims, payloads, [`transfer`](crate::transfer), detaching: use a
///   [`SharedArray`](crate::SharedArray).
///
/// Clones and slices show the same memory. The safe methods may be called while other threads and
/// processes write, in whatever way: elements of 1, 2, 4 and 8 bytes are not torn if those write
/// them in one piece.
///
/// ```
/// use shmarray::raw::RawArray;
/// use shmarray::prelude::*;
///
/// # fn main() -> shmarray::Result<()> {
/// # let name = shmarray::names::unique_name("doc-raw")?;
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
    // Invariant: of `span` in the region of `attachment`. Nothing hands them out for longer than
    // `&self`. All arrays that share `attachment` have the same T.
    elements: M::Elements<T, D>,
    attachment: Arc<RawAttachment>,
    span: RawSpan,
}

/// A raw array that this process reads and writes.
pub type RawArray<T, D> = Raw<T, D, ReadWrite>;
/// A raw array that the kernel lets this process only read; others may write it.
pub type ReadOnlyRawArray<T, D> = Raw<T, D, ReadOnly>;

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
    fn new(attachment: Arc<RawAttachment>, span: RawSpan) -> Result<Self> {
        let place = span.elements()?;
        let region: *const (dyn Region + 'static) = attachment.segment.region();
        // SAFETY: the region lies in the Arc, which is dropped after `elements` and never changed,
        // so it outlives them and does not move.
        let region: &'static dyn Region = unsafe { &*region };
        // SAFETY: the mapping begins with the segment, and has no elements but `T`: an attach maps
        // anew, and slices and clones keep the type.
        let elements = unsafe { M::elements(&place, region) }?;
        Ok(Self { elements, attachment, span })
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

    /// Size of the segment, in bytes, when it was made or attached.
    pub fn segment_len(&self) -> u64 {
        self.attachment.segment.segment_len()
    }

    /// A part of it: ranges, steps, single indices, new axes. The same memory.
    ///
    /// # Errors
    /// [`OutOfBounds`](shm_core::ErrorKind::OutOfBounds), with the figures;
    /// [`ZeroStep`](shm_core::ErrorKind::ZeroStep).
    pub fn slice<I: SliceArg<D>>(&self, info: I) -> Result<Raw<T, I::OutDim, M>> {
        let window = slice_window(&self.span.window, info.as_ref())?;
        Raw::new(Arc::clone(&self.attachment), RawSpan { window, ..self.span.clone() })
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

typed_access!(Raw, Open);

impl<T: Element, D: Dimension, M: Open> Clone for Raw<T, D, M> {
    fn clone(&self) -> Self {
        let (elements, attachment) = (self.elements.clone(), Arc::clone(&self.attachment));
        Self { elements, attachment, span: self.span.clone() }
    }
}

impl<T: Element, D: Dimension, M: Open> fmt::Debug for Raw<T, D, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, dtype) = (self.name().as_str(), self.dtype());
        write!(f, "Raw({name:?}, {dtype} {:?} at {})", self.shape(), self.span.offset)
    }
}
