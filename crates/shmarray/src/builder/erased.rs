//! The contents of a new array whose type is known at run time only.
#![allow(unsafe_code)] // fills a region that nobody else has yet

use shm_core::{DType, ErrorKind, Fill, Header, Order, Region, Result, Sink, Window};
use shm_ndarray::store_bytes;

use super::{Buildable, Builder, sealed};
use crate::contents;
use crate::erased::ErasedArray;

impl ErasedArray {
    /// Begins a new array of that type and shape, in elements. See [`Builder`].
    pub fn builder(dtype: DType, shape: &[usize]) -> Builder<Self> {
        Builder::new(ErasedForm { dtype, shape: shape.into(), guarded: false })
    }
}

/// The dtype and shape of a new array whose type is known at run time only.
#[derive(Clone, Debug)]
pub struct ErasedForm {
    dtype: DType,
    shape: Vec<usize>,
    guarded: bool,
}

impl Buildable for ErasedArray {}

impl sealed::Buildable for ErasedArray {
    type Form = ErasedForm;

    fn dtype(form: &ErasedForm) -> DType {
        form.dtype.clone()
    }

    fn itemsize(form: &ErasedForm) -> usize {
        form.dtype.itemsize()
    }

    fn shape(form: &ErasedForm) -> &[usize] {
        &form.shape
    }

    fn guarded(form: &ErasedForm) -> bool {
        form.guarded
    }
}

impl Builder<ErasedArray> {
    /// Whether its elements are reached through guards and claims only, as those of a
    /// [`GuardedArray`](crate::GuardedArray).
    pub fn guarded(mut self, guarded: bool) -> Self {
        self.form.guarded = guarded;
        self
    }

    /// Makes it, filled with the bytes of one element.
    ///
    /// # Errors
    /// [`LengthMismatch`](ErrorKind::LengthMismatch) if these are not the bytes of one element; those of [`zeros`](Self::zeros).
    pub fn full(self, element: &[u8]) -> Result<ErasedArray> {
        let layout = self.layout()?;
        check_len("the element", layout.itemsize(), element.len())?;
        let len = layout.len();
        let mut fill = |to: &mut dyn Sink| contents::write_element(element, len, to);
        self.make(layout, Some(Fill::InOrder(&mut fill)))
    }

    /// Makes it, filled from the bytes of all elements in C order.
    ///
    /// # Errors
    /// [`LengthMismatch`](ErrorKind::LengthMismatch) if these are not the bytes of all elements; those of [`zeros`](Self::zeros).
    pub fn from_bytes(self, bytes: &[u8]) -> Result<ErasedArray> {
        let layout = self.layout()?;
        check_len("the buffer", layout.nbytes(), bytes.len())?;
        if layout.order() == Order::C {
            let mut fill = |to: &mut dyn Sink| to.write(bytes);
            return self.make(layout, Some(Fill::InOrder(&mut fill)));
        }
        let mut fill = |header: &Header, region: &dyn Region| {
            // SAFETY: the backend gives the header of this region, which nobody else has yet.
            unsafe { store_bytes(header, &Window::whole(header.layout()), region, bytes) }
        };
        self.make(layout, Some(Fill::InPlace(&mut fill)))
    }

    /// Makes it, filled by a function that is given the bytes of all elements, zeros at first, as they
    /// lie in memory: in C or Fortran order. If it fails or panics, nothing is left behind.
    ///
    /// # Errors
    /// Those of `fill` and of [`zeros`](Self::zeros).
    pub fn filled_by(self, mut fill: impl FnMut(&mut [u8]) -> Result<()>) -> Result<ErasedArray> {
        let layout = self.layout()?;
        let nbytes = layout.nbytes();
        let mut in_place = |header: &Header, region: &dyn Region| {
            let needs = header.data_offset().saturating_add(nbytes as u64);
            let data = usize::try_from(header.data_offset()).unwrap_or(usize::MAX);
            let has = region.len() as u64;
            if has < needs {
                return Err(ErrorKind::Truncated { what: "the mapped segment", needs, has }.into());
            }
            let start = region.start().as_ptr().wrapping_add(data);
            // SAFETY: these bytes are mapped and initialised, as was checked; the region is not
            // published yet: nobody else has it.
            fill(unsafe { std::slice::from_raw_parts_mut(start, nbytes) })
        };
        self.make(layout, Some(Fill::InPlace(&mut in_place)))
    }
}

fn check_len(what: &'static str, expected: usize, found: usize) -> Result<()> {
    if expected == found {
        return Ok(());
    }
    let (expected, found) = (expected as u64, found as u64);
    Err(ErrorKind::LengthMismatch { what, expected, found }.into())
}
