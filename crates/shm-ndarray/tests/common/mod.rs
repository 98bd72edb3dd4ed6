//! A region of heap memory, and headers without a segment.
#![allow(dead_code, clippy::unwrap_used)] // each test uses a part

use std::alloc::{Layout as Memory, alloc_zeroed, dealloc};
use std::ptr::NonNull;

use ndarray::{Array, ArrayD, Dimension, IxDyn, ShapeBuilder};
use shm_core::{Access, Element, Header, Layout, Order, Region, Spec, Stamp, Window};
use shm_ndarray::{ElementSpan, Elements, ElementsMut};

/// Heap memory in place of a mapping, so that Miri could run these tests.
#[derive(Debug)]
pub(crate) struct Heap {
    start: NonNull<u8>,
    memory: Memory,
    pub(crate) len: usize,
    pub(crate) access: Access,
}

impl Heap {
    /// Zeroed memory of so many bytes, more than none.
    pub(crate) fn new(len: usize) -> Self {
        let memory = Memory::from_size_align(len, 4096).unwrap();
        assert!(len > 0);
        // SAFETY: the size is not zero.
        let start = NonNull::new(unsafe { alloc_zeroed(memory) }).unwrap();
        let access = Access::ReadWrite;
        Self { start, memory, len, access }
    }

    /// Memory for the array that a header describes.
    pub(crate) fn of(header: &Header) -> Self {
        Self::new(usize::try_from(header.segment_len()).unwrap())
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.start.as_ptr(), self.memory) };
    }
}

// SAFETY: the memory belongs to this value, wherever it is moved, and the tests only shorten `len`.
unsafe impl Region for Heap {
    fn start(&self) -> NonNull<u8> {
        self.start
    }

    fn len(&self) -> usize {
        self.len
    }

    fn access(&self) -> Access {
        self.access
    }
}

// SAFETY: it has no state but bytes that are used as a region's are.
unsafe impl Send for Heap {}
// SAFETY: as above.
unsafe impl Sync for Heap {}

/// The header of an array of `T`.
pub(crate) fn header<T: Element>(shape: &[usize], order: Order) -> Header {
    let layout = Layout::new(shape, order, size_of::<T>()).unwrap();
    let stamp = Stamp { uuid: Default::default(), created: 0, creator: 0 };
    Header::new(&Spec::new("test".parse().unwrap(), T::dtype(), layout), stamp).unwrap()
}

/// The elements of a window of the array in a region made for this header.
pub(crate) fn elements<'r, T: Element, D: Dimension>(
    header: &Header,
    window: &Window,
    region: &'r Heap,
) -> Elements<'r, T, D> {
    let place = ElementSpan::<T, D>::new(header, window).unwrap();
    // SAFETY: the region was made for this header.
    unsafe { place.elements(region) }.unwrap()
}

/// As [`elements`], writable.
pub(crate) fn elements_mut<'r, T: Element, D: Dimension>(
    header: &Header,
    window: &Window,
    region: &'r Heap,
) -> ElementsMut<'r, T, D> {
    let place = ElementSpan::<T, D>::new(header, window).unwrap();
    // SAFETY: the region was made for this header.
    unsafe { place.elements_mut(region) }.unwrap()
}

/// An owned array of that shape and order whose elements count up, made by `value`.
pub(crate) fn counting<T>(shape: &[usize], order: Order, value: impl Fn(usize) -> T) -> ArrayD<T> {
    let mut count = 0;
    let shape = IxDyn(shape).set_f(order == Order::Fortran);
    Array::from_shape_simple_fn(shape, || {
        count += 1;
        value(count)
    })
}
