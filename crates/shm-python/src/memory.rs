//! The memory of an array as Python objects have it: it stays mapped for as long as anything uses it.
#![allow(unsafe_code)] // fills in what the buffer protocol asks for

use std::ffi::{CString, c_int, c_void};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use shmarray::ErasedArray;
use shmarray::erased::ErasedElements;

use crate::formats::format_of;

/// From so many bytes on, unmapping takes long enough to let other threads run.
const LARGE: usize = 1 << 20;

/// The bytes that an array shows, for the buffer protocol. It keeps them mapped, and whoever has a
/// buffer or a NumPy array of it keeps it.
#[pyclass(frozen, module = "shmarray._native")]
pub(crate) struct Memory {
    // Invariant: `len` bytes from `start` on are mapped while `keeper` is there.
    keeper: Mutex<Option<Box<dyn Send + Sync>>>,
    start: usize,
    len: usize,
    writable: AtomicBool,
    /// From the first byte to the first element, in bytes.
    #[pyo3(get)]
    offset: usize,
    /// Distance of neighbours along each axis, in bytes.
    strides: Vec<isize>,
    shape: Vec<isize>,
    itemsize: isize,
    format: Option<CString>,
}

impl Memory {
    /// That of the elements, which are of `array`, for as long as Python uses it.
    pub(crate) fn of(array: ErasedArray, elements: &ErasedElements<'_>, writable: bool) -> Self {
        let itemsize = array.dtype().itemsize().cast_signed();
        let shape: Vec<isize> = array.shape().iter().map(|len| len.cast_signed()).collect();
        let strides: Vec<isize> =
            array.strides().iter().map(|stride| stride.wrapping_mul(itemsize)).collect();
        let (mut below, mut above) = (0_isize, itemsize);
        for (len, stride) in shape.iter().zip(&strides) {
            let way = (len - 1).max(0) * stride;
            if way < 0 { below -= way } else { above += way }
        }
        if array.is_empty() {
            (below, above) = (0, 0);
        }
        let offset = below.cast_unsigned();
        let start = elements.as_ptr().addr().wrapping_sub(offset);
        let len = (below + above).cast_unsigned();
        let format = format_of(array.dtype());
        let keeper = Mutex::new(Some(Box::new(array) as Box<dyn Send + Sync>));
        let writable = AtomicBool::new(writable);
        Self { keeper, start, len, writable, offset, strides, shape, itemsize, format }
    }

    /// Bytes of a raw segment, which `keeper` keeps mapped.
    pub(crate) fn raw(
        keeper: impl Send + Sync + 'static,
        start: *const u8,
        len: usize,
        writable: bool,
    ) -> Self {
        Self {
            keeper: Mutex::new(Some(Box::new(keeper))),
            start: start.addr(),
            len,
            writable: AtomicBool::new(writable),
            offset: 0,
            strides: vec![1],
            shape: vec![len.cast_signed()],
            itemsize: 1,
            format: CString::new("B").ok(),
        }
    }

    /// Says in `view` what is wrong.
    fn refuse(view: *mut ffi::Py_buffer, why: &str) -> PyErr {
        // SAFETY: the interpreter gives a valid pointer, and wants no object where there is an error.
        unsafe { (*view).obj = ptr::null_mut() };
        PyBufferError::new_err(why.to_owned())
    }

    /// Gives a buffer of the elements, in their shape.
    pub(crate) fn fill_elements(
        this: &Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let memory = this.get();
        let Some(format) = &memory.format else {
            return Err(Self::refuse(view, "the buffer protocol has no format for this dtype"));
        };
        if !memory.lies_as(flags) {
            return Err(Self::refuse(view, "the elements do not lie one after the other"));
        }
        memory.check(view, flags)?;
        let is_shaped = flags & ffi::PyBUF_ND == ffi::PyBUF_ND;
        let filled = ffi::Py_buffer {
            buf: ptr::with_exposed_provenance_mut::<c_void>(memory.start + memory.offset),
            obj: ptr::null_mut(),
            len: memory.shape.iter().product::<isize>() * memory.itemsize,
            itemsize: memory.itemsize,
            readonly: (!memory.writable.load(Relaxed)).into(),
            ndim: if is_shaped {
                c_int::try_from(memory.shape.len()).unwrap_or_default()
            } else {
                1
            },
            format: wanted(flags, ffi::PyBUF_FORMAT, format.as_ptr().cast_mut()),
            shape: wanted(flags, ffi::PyBUF_ND, memory.shape.as_ptr().cast_mut()),
            strides: wanted(flags, ffi::PyBUF_STRIDES, memory.strides.as_ptr().cast_mut()),
            suboffsets: ptr::null_mut(),
            internal: ptr::null_mut(),
        };
        // SAFETY: the interpreter gives a valid pointer. What the buffer points to is `this`'s, which
        // never changes and lives while `obj` does.
        unsafe { view.write(ffi::Py_buffer { obj: this.clone().into_ptr(), ..filled }) };
        Ok(())
    }

    fn check(&self, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if flags & ffi::PyBUF_WRITABLE == ffi::PyBUF_WRITABLE && !self.writable.load(Relaxed) {
            return Err(Self::refuse(view, "this memory is read-only"));
        }
        Ok(())
    }

    /// Whether the elements lie as a request asks for: in C order, if it does not ask for strides.
    fn lies_as(&self, flags: c_int) -> bool {
        let asks = |request: c_int| flags & request == request;
        let axes = || self.shape.iter().zip(&self.strides);
        let (c, fortran) = (|| self.is_packed(axes().rev()), || self.is_packed(axes()));
        match () {
            () if asks(ffi::PyBUF_C_CONTIGUOUS) || !asks(ffi::PyBUF_STRIDES) => c(),
            () if asks(ffi::PyBUF_F_CONTIGUOUS) => fortran(),
            () if asks(ffi::PyBUF_ANY_CONTIGUOUS) => c() || fortran(),
            () => true,
        }
    }

    /// Whether each axis steps over those before it, and over nothing else.
    fn is_packed<'a>(&self, mut axes: impl Iterator<Item = (&'a isize, &'a isize)>) -> bool {
        let mut expected = self.itemsize;
        axes.all(|(len, stride)| {
            let fits = *len <= 1 || *stride == expected;
            expected *= len;
            fits
        })
    }
}

fn wanted<T>(flags: c_int, flag: c_int, pointer: *mut T) -> *mut T {
    if flags & flag == flag { pointer } else { ptr::null_mut() }
}

#[pymethods]
impl Memory {
    /// No new buffer of it can be written to.
    fn seal(&self) {
        self.writable.store(false, Relaxed);
    }

    /// Distance of neighbours along each axis, in bytes.
    #[getter]
    fn strides<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, pyo3::types::PyTuple>> {
        pyo3::types::PyTuple::new(py, &self.strides)
    }

    /// All bytes, as one row.
    ///
    /// # Safety
    /// The interpreter calls it, with a valid pointer.
    unsafe fn __getbuffer__(
        this: &Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let memory = this.get();
        memory.check(view, flags)?;
        let readonly = (!memory.writable.load(Relaxed)).into();
        let start = ptr::with_exposed_provenance_mut::<c_void>(memory.start);
        let len = memory.len.cast_signed();
        // SAFETY: the interpreter gives a valid pointer; the bytes are mapped while `this` lives, of which
        // the buffer takes a reference.
        let code =
            unsafe { ffi::PyBuffer_FillInfo(view, this.as_ptr(), start, len, readonly, flags) };
        if code == 0 { Ok(()) } else { Err(PyErr::fetch(this.py())) }
    }

    fn __len__(&self) -> usize {
        self.len
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let Ok(keeper) = self.keeper.get_mut() else { return };
        let Some(keeper) = keeper.take() else { return };
        release(keeper, self.len);
    }
}

/// Drops what keeps so many bytes, without the GIL if there are many.
pub(crate) fn release<T: Send>(keeper: T, len: usize) {
    let mut keeper = Some(keeper);
    if len >= LARGE {
        Python::try_attach(|py| {
            let keeper = keeper.take();
            py.detach(|| drop(keeper));
        });
    }
}
