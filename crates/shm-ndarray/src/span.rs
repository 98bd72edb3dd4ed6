//! Where the elements of a window lie in a region: everything that pointers rely on is checked here.
#![allow(unsafe_code)] // Makes raw views from a region's address; the invariant is on `ElementSpan`.

use std::fmt;
use std::marker::PhantomData;

use ndarray::{Axis, Dimension, RawArrayViewMut, ShapeBuilder, StrideShape};
use shm_core::{Access, Element, ErrorKind, Header, Layout, Region, Result, Window};

use crate::elements::{Elements, ElementsMut};
use crate::words::word_len;

/// The least alignment, in bytes, of a region and of the data of an array with a header: at least
/// that of every [`Element`].
const DATA_ALIGN: usize = 64;

/// A window of an array of `T` in `D` dimensions: which bytes of a region its elements are.
///
/// It is made once per window and holds no memory of the region. Applying it to the region
/// ([`elements`](Self::elements)) costs a few instructions, unless `D` is
/// [`IxDyn`](type@ndarray::IxDyn) with more than four dimensions, which allocates.
///
/// ```
/// # use std::{cell::UnsafeCell, ptr::NonNull};
/// # use shm_core::{Access, Region};
/// # #[repr(align(4096))]
/// # struct Memory(UnsafeCell<[u8; 32768]>);
/// # // SAFETY: aligned to 4096 bytes, in its own box, so it stays where it is.
/// # unsafe impl Region for Box<Memory> {
/// #     fn start(&self) -> NonNull<u8> { NonNull::new(self.0.get().cast()).unwrap() }
/// #     fn len(&self) -> usize { 32768 }
/// #     fn access(&self) -> Access { Access::ReadWrite }
/// # }
/// # // SAFETY: the bytes are used only as regions are.
/// # unsafe impl Sync for Memory {}
/// use ndarray::{Ix1, Ix2, array, s};
/// use shm_core::{Element, Header, Layout, Order, Spec, Stamp, Window};
/// use shm_ndarray::{ElementSpan, slice_window};
///
/// # fn main() -> shm_core::Result<()> {
/// # let stamp = Stamp { uuid: Default::default(), created: 0, creator: 0 };
/// let layout = Layout::new([2, 3], Order::C, size_of::<f32>())?;
/// let header = Header::new(&Spec::new("grid".parse()?, f32::dtype(), layout), stamp)?;
/// # let region = Box::new(Memory(UnsafeCell::new([0; 32768])));
/// let whole = Window::whole(header.layout());
/// let grid = ElementSpan::<f32, Ix2>::new(&header, &whole)?;
/// // SAFETY: `region` is the one that `header` describes.
/// let grid = unsafe { grid.elements_mut(&region)? };
/// grid.copy_from(&array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])?;
///
/// let column = slice_window(&whole, s![..;-1, 2].as_ref())?;
/// let column = ElementSpan::<f32, Ix1>::new(&header, &column)?;
/// // SAFETY: as above.
/// let column = unsafe { column.elements(&region)? };
/// assert_eq!(column.to_array(), array![6.0, 3.0]);
/// # Ok(())
/// # }
/// ```
pub struct ElementSpan<T, D> {
    // Invariant, established by `raw`:
    // - each element of the window lies, as a whole, in the bytes `lowest..end` of the region, and
    //   at a multiple of `alignment::<T>()` from its start; `lowest <= end` also if there is no
    //   element;
    // - `shape` has the window's lengths and absolute strides, in elements; strides are zero for
    //   axes of one element, and all are if the window is empty; no two indices lead to the same
    //   element;
    // - `inverted` are the axes whose strides are negative.
    lowest: usize,
    end: usize,
    shape: StrideShape<D>,
    inverted: Vec<Axis>,
    elements: PhantomData<fn() -> T>,
}

impl<T: Element, D: Dimension> ElementSpan<T, D> {
    /// Checks that a window of the array that `header` describes consists of elements `T` in `D`
    /// dimensions.
    ///
    /// # Errors
    /// [`ErrorKind::DTypeMismatch`] if the elements are not `T`; [`ErrorKind::NdimMismatch`] if
    /// the window has not the dimensions of `D`; [`ErrorKind::Corrupt`] for a header that
    /// contradicts itself; those of [`Window::check`].
    pub fn new(header: &Header, window: &Window) -> Result<Self> {
        Self::check_header(header)?;
        Self::raw(header.layout(), header.data_offset(), window)
    }

    /// As [`new`](Self::new), for the window that shows the whole array.
    ///
    /// # Errors
    /// As for [`new`](Self::new).
    pub fn whole(header: &Header) -> Result<Self> {
        Self::check_header(header)?;
        let layout = header.layout();
        Self::check_ndim(layout.ndim())?;
        let (data, end) = Self::bounds(layout, header.data_offset())?;
        let (mut dim, mut steps) = (D::zeros(layout.ndim()), D::zeros(layout.ndim()));
        dim.slice_mut().copy_from_slice(layout.shape());
        let shape = if layout.is_empty() {
            dim.into_shape_with_order().into() // ndarray's own strides are zero then
        } else {
            layout.each_stride(|axis, stride| {
                if dim[axis] > 1 {
                    steps[axis] = stride;
                }
            });
            dim.strides(steps)
        };
        Ok(Self { lowest: data, end, shape, inverted: Vec::new(), elements: PhantomData })
    }

    fn check_header(header: &Header) -> Result<()> {
        let (at, layout) = (header.data_offset(), header.layout());
        if *header.dtype() != T::dtype() {
            let (expected, found) = (T::dtype().to_string(), header.dtype().to_string());
            return Err(ErrorKind::DTypeMismatch { expected, found }.into());
        }
        if !at.is_multiple_of(DATA_ALIGN as u64) || layout.itemsize() != size_of::<T>() {
            let (len, itemsize) = (layout.len(), layout.itemsize());
            let reason = format!("{len} elements of {itemsize} bytes at offset {at}");
            return Err(corrupt(reason));
        }
        Ok(())
    }

    /// Checks that a window of an array without a header has elements `T` in `D` dimensions:
    /// an array of that layout, whose first element lies `data_offset` bytes from the start of its
    /// region.
    ///
    /// Nothing tells that the bytes are elements `T` but the caller.
    ///
    /// # Errors
    /// [`ErrorKind::NdimMismatch`] if the window has not the dimensions of `D`;
    /// [`ErrorKind::Misaligned`] for an offset that is not a multiple of what `T` needs: its
    /// alignment, and the largest of 1, 2, 4 and 8 bytes that divides its size;
    /// [`ErrorKind::InvalidDType`] for a layout of elements of another size;
    /// [`ErrorKind::ShapeOverflow`] if offset and array together do not fit the address space;
    /// those of [`Window::check`].
    pub fn raw(layout: &Layout, data_offset: u64, window: &Window) -> Result<Self> {
        let ndim = window.shape.len();
        Self::check_ndim(ndim)?;
        window.check(layout)?;
        let (data, end) = Self::bounds(layout, data_offset)?;
        let (mut dim, mut steps) = (D::zeros(ndim), D::zeros(ndim));
        dim.slice_mut().copy_from_slice(&window.shape);
        let (mut inverted, mut first) = (Vec::new(), window.offset);
        let shape = if window.is_empty() {
            dim.into_shape_with_order().into() // ndarray's own strides are zero then
        } else {
            let axes = window.shape.iter().zip(&window.strides).enumerate();
            for (axis, (&len, &stride)) in axes.filter(|(_, (len, _))| **len > 1) {
                steps[axis] = stride.unsigned_abs();
                if stride < 0 {
                    inverted.push(Axis(axis));
                    first -= steps[axis] * (len - 1); // not below zero: `check` went there
                }
            }
            dim.strides(steps)
        };
        let lowest = data + first * size_of::<T>();
        Ok(Self { lowest, end, shape, inverted, elements: PhantomData })
    }

    fn check_ndim(found: usize) -> Result<()> {
        match D::NDIM {
            Some(expected) if expected != found => {
                Err(ErrorKind::NdimMismatch { expected, found }.into())
            }
            _ => Ok(()),
        }
    }

    /// Where the whole array begins and ends in its region, in bytes.
    fn bounds(layout: &Layout, data_offset: u64) -> Result<(usize, usize)> {
        let itemsize = size_of::<T>();
        if layout.itemsize() != itemsize {
            let reason = format!("the layout has elements of {} bytes", layout.itemsize());
            return Err(ErrorKind::InvalidDType { descr: T::dtype().to_string(), reason }.into());
        }
        let align = alignment::<T>();
        if !data_offset.is_multiple_of(align as u64) {
            let (offset, dtype) = (data_offset, T::dtype().to_string());
            return Err(ErrorKind::Misaligned { offset, dtype, align }.into());
        }
        let data = usize::try_from(data_offset).ok();
        let end = data.and_then(|data| data.checked_add(layout.nbytes()));
        let (Some(data), Some(end)) = (data, end.filter(|end| isize::try_from(*end).is_ok()))
        else {
            let shape = layout.shape().to_vec();
            return Err(ErrorKind::ShapeOverflow { shape, itemsize }.into());
        };
        Ok((data, end))
    }

    /// Length of each axis, in elements.
    pub fn shape(&self) -> &[usize] {
        self.shape.raw_dim().slice()
    }

    /// How long a region must be that holds the whole array, in bytes.
    pub fn end(&self) -> usize {
        self.end
    }

    /// The elements, for reading. Threads and processes may write them meanwhile.
    ///
    /// # Safety
    /// `region` maps the segment whose header [`new`](Self::new) was given, from its first byte.
    /// Then all who use these bytes without synchronising agree on the size of an element, which
    /// atomic accesses need (std, "Memory model for atomic accesses"). For a place that
    /// [`raw`](Self::raw) made, the caller vouches for that: through this mapping, the elements are
    /// used as elements `T` only.
    ///
    /// # Errors
    /// [`ErrorKind::Truncated`] if the region ends before the array does; [`ErrorKind::Corrupt`]
    /// if it is not aligned to 64 bytes.
    pub unsafe fn elements<'r, R>(&self, region: &'r R) -> Result<Elements<'r, T, D>>
    where
        R: Region + ?Sized,
    {
        Ok(Elements::new(self.pointers(region)?, region))
    }

    /// The elements, for reading and writing. Threads and processes may do so at the same time.
    ///
    /// # Safety
    /// As for [`elements`](Self::elements).
    ///
    /// # Errors
    /// [`ErrorKind::AccessDenied`] if the region is read-only; those of
    /// [`elements`](Self::elements).
    pub unsafe fn elements_mut<'r, R>(&self, region: &'r R) -> Result<ElementsMut<'r, T, D>>
    where
        R: Region + ?Sized,
    {
        if region.access() != Access::ReadWrite {
            let (object, access) = ("a read-only array".into(), Access::ReadWrite);
            return Err(ErrorKind::AccessDenied { object, access }.into());
        }
        Ok(ElementsMut::new(Elements::new(self.pointers(region)?, region)))
    }

    /// Pointers to the elements; they may be written only if the region may.
    fn pointers<R>(&self, region: &R) -> Result<RawArrayViewMut<T, D>>
    where
        R: Region + ?Sized,
    {
        if region.len() < self.end {
            return Err(ErrorKind::Truncated {
                what: "the mapped segment",
                needs: self.end as u64,
                has: region.len() as u64,
            }
            .into());
        }
        let start = region.start().as_ptr();
        if !start.addr().is_multiple_of(DATA_ALIGN) {
            return Err(corrupt(format!("mapped at {start:p}, not a multiple of 64")));
        }
        let lowest = start.wrapping_add(self.lowest).cast::<T>();
        // SAFETY: `lowest` is derived from a NonNull within the mapping or at its end, which
        // holds `end` bytes. By the invariant all positions reached along the axes are whole
        // elements in that mapping, of at most isize::MAX bytes (a promise of Region); none is
        // reached if the window is empty, as the steps are zero then. `Window::check` bounds the
        // product of the non-zero lengths by isize::MAX, and steps are not negative.
        let mut raw = unsafe { RawArrayViewMut::from_shape_ptr(self.shape.clone(), lowest) };
        for axis in &self.inverted {
            raw.invert_axis(*axis);
        }
        Ok(raw)
    }
}

/// What the distance of an element from the start of a region is a multiple of, in bytes: what
/// references to it need, and the atomic accesses to its words.
const fn alignment<T: Element>() -> usize {
    let (align, word) = (align_of::<T>(), word_len(size_of::<T>()));
    if align > word { align } else { word }
}

fn corrupt(reason: String) -> shm_core::Error {
    let what = "the segment";
    ErrorKind::Corrupt { what, reason }.into()
}

impl<T, D: Clone> Clone for ElementSpan<T, D> {
    fn clone(&self) -> Self {
        Self { shape: self.shape.clone(), inverted: self.inverted.clone(), ..*self }
    }
}

impl<T, D: fmt::Debug> fmt::Debug for ElementSpan<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ElementSpan")
            .field("dtype", &std::any::type_name::<T>())
            .field("lowest", &self.lowest)
            .field("end", &self.end)
            .field("shape", &self.shape)
            .field("inverted", &self.inverted)
            .finish()
    }
}
