//! The handle of an array, from which the class `Array` of `_array.py` is derived.
#![allow(unsafe_code)] // hands on what the buffer protocol asks for

use std::ffi::c_int;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use shmarray::memory::Paging;
use shmarray::ndarray::{Slice, SliceInfoElem};
use shmarray::{Access, BackendKind, Detached, ErasedArray, Order, Payload};

use crate::errors::raised;
use crate::memory::{Memory, release};
use crate::waiting::unlocked;

/// What a handle is at the moment.
enum State {
    Open(ErasedArray),
    /// It was given up.
    Closed,
    /// It came from another process, and could not be attached: each use raises this.
    Broken(PyErr),
}

/// A shared array. Threads may use it at once.
#[pyclass(subclass, frozen, module = "shmarray._native")]
pub(crate) struct Handle {
    state: Mutex<State>,
}

impl Handle {
    pub(crate) fn new(array: ErasedArray) -> Self {
        Self { state: Mutex::new(State::Open(array)) }
    }

    /// It is never locked while the GIL is released, nor across a call into Python.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The array, unless it was given up.
    pub(crate) fn array(&self, py: Python<'_>) -> PyResult<ErasedArray> {
        match &*self.state() {
            State::Open(array) => Ok(array.clone()),
            State::Closed => Err(closed()),
            State::Broken(error) => Err(error.clone_ref(py)),
        }
    }

    fn asked<T>(&self, py: Python<'_>, ask: impl FnOnce(&ErasedArray) -> T) -> PyResult<T> {
        match &*self.state() {
            State::Open(array) => Ok(ask(array)),
            State::Closed => Err(closed()),
            State::Broken(error) => Err(error.clone_ref(py)),
        }
    }

    fn take(&self) -> State {
        std::mem::replace(&mut *self.state(), State::Closed)
    }

    fn elements_of(&self, py: Python<'_>) -> PyResult<Memory> {
        let array = self.array(py)?;
        let elements = array.elements().map_err(|error| raised(py, &error))?;
        let writable = array.access() == Access::ReadWrite;
        Ok(Memory::of(array.clone(), &elements, writable))
    }
}

fn closed() -> PyErr {
    PyValueError::new_err("this handle of the array is closed")
}

/// What a part has of one axis: an index, or a slice of `lowest`, `end` and `step`.
#[derive(FromPyObject)]
enum AxisPart {
    Index(isize),
    Slice(isize, isize, isize),
}

#[pymethods]
impl Handle {
    /// Another handle of the same array.
    #[new]
    fn copied(other: &Self) -> Self {
        Python::attach(|py| {
            let state = match &*other.state() {
                State::Open(array) => State::Open(array.clone()),
                State::Closed => State::Closed,
                State::Broken(error) => State::Broken(error.clone_ref(py)),
            };
            Self { state: Mutex::new(state) }
        })
    }

    /// A handle whose every use raises `error`.
    #[staticmethod]
    fn broken(error: Bound<'_, PyAny>) -> Self {
        Self { state: Mutex::new(State::Broken(PyErr::from_value(error))) }
    }

    #[getter]
    fn closed(&self) -> bool {
        matches!(&*self.state(), State::Closed)
    }

    /// The error that each use raises, if it could not be attached.
    #[getter]
    fn error<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        match &*self.state() {
            State::Broken(error) => Some(error.value(py).clone().into_any()),
            _ => None,
        }
    }

    #[getter]
    fn shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.asked(py, |array| PyTuple::new(py, array.shape()))?
    }

    #[getter]
    fn descr(&self, py: Python<'_>) -> PyResult<String> {
        self.asked(py, |array| array.dtype().to_string())
    }

    #[getter]
    fn ndim(&self, py: Python<'_>) -> PyResult<usize> {
        self.asked(py, ErasedArray::ndim)
    }

    #[getter]
    fn size(&self, py: Python<'_>) -> PyResult<usize> {
        self.asked(py, ErasedArray::len)
    }

    #[getter]
    fn nbytes(&self, py: Python<'_>) -> PyResult<usize> {
        self.asked(py, ErasedArray::nbytes)
    }

    #[getter]
    fn itemsize(&self, py: Python<'_>) -> PyResult<usize> {
        self.asked(py, |array| array.dtype().itemsize())
    }

    #[getter]
    fn strides<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.asked(py, |array| {
            let itemsize = array.dtype().itemsize().cast_signed();
            PyTuple::new(py, array.strides().iter().map(|stride| stride.wrapping_mul(itemsize)))
        })?
    }

    #[getter]
    fn order(&self, py: Python<'_>) -> PyResult<&'static str> {
        self.asked(py, |array| if array.order() == Order::C { "C" } else { "F" })
    }

    #[getter]
    fn name(&self, py: Python<'_>) -> PyResult<String> {
        self.asked(py, |array| array.name().to_string())
    }

    #[getter]
    fn backend(&self, py: Python<'_>) -> PyResult<&'static str> {
        self.asked(py, |array| array.backend().as_str())
    }

    #[getter]
    fn readonly(&self, py: Python<'_>) -> PyResult<bool> {
        self.asked(py, |array| array.access() == Access::ReadOnly)
    }

    #[getter]
    fn guarded(&self, py: Python<'_>) -> PyResult<bool> {
        self.asked(py, ErasedArray::is_guarded)
    }

    #[getter]
    fn frozen(&self, py: Python<'_>) -> PyResult<bool> {
        self.asked(py, ErasedArray::is_frozen)
    }

    #[getter]
    fn cleanup(&self, py: Python<'_>) -> PyResult<String> {
        self.asked(py, |array| array.cleanup().to_string())
    }

    /// Why it is on its backend, in words, where the library chose.
    #[getter]
    fn selection(&self, py: Python<'_>) -> PyResult<Option<String>> {
        self.asked(py, |array| array.selection().map(ToString::to_string))
    }

    /// Size of its huge pages in bytes, if it asked for some, and why.
    #[getter]
    fn paging(&self, py: Python<'_>) -> PyResult<(Option<usize>, &'static str)> {
        let Paging { huge, reason } = self.asked(py, ErasedArray::paging)?;
        Ok((huge, reason))
    }

    /// Tells the segment from a successor of the same name.
    #[getter]
    fn uuid<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        self.asked(py, |array| PyBytes::new(py, array.descriptor().uuid.as_bytes()))
    }

    /// Whether it shows the whole array.
    #[getter]
    fn whole(&self, py: Python<'_>) -> PyResult<bool> {
        self.asked(py, |array| array.descriptor().window.is_none())
    }

    /// Slot, process id, and whether it lives, of each participant.
    fn participants(&self, py: Python<'_>) -> PyResult<Vec<(u32, u32, bool)>> {
        let array = self.array(py)?;
        let all = unlocked(py, || array.participants())?;
        Ok(all.into_iter().map(|one| (one.slot, one.pid, one.alive)).collect())
    }

    /// Whether anybody else is attached; nothing where that cannot be told.
    fn has_others(&self, py: Python<'_>) -> PyResult<Option<bool>> {
        let array = self.array(py)?;
        unlocked(py, || array.has_others())
    }

    /// Whether a writer died or raised, and nobody has mended the elements since.
    #[getter]
    fn poisoned(&self, py: Python<'_>) -> PyResult<bool> {
        let array = self.array(py)?;
        unlocked(py, || array.is_poisoned())
    }

    /// Its memory, for NumPy.
    fn memory(&self, py: Python<'_>) -> PyResult<Memory> {
        self.elements_of(py)
    }

    /// A part of it: the same memory. `None` is a new axis.
    fn slice(&self, py: Python<'_>, parts: Vec<Option<AxisPart>>) -> PyResult<Self> {
        let axis = |part: Option<AxisPart>| part.map_or(SliceInfoElem::NewAxis, Into::into);
        let parts: Vec<SliceInfoElem> = parts.into_iter().map(axis).collect();
        let array = self.array(py)?;
        Ok(Self::new(unlocked(py, || array.slice(parts))?))
    }

    /// Its elements in another shape: the same memory.
    fn reshaped(&self, py: Python<'_>, shape: Vec<usize>) -> PyResult<Self> {
        let array = self.array(py)?;
        Ok(Self::new(unlocked(py, || array.reshape(&shape))?))
    }

    /// Writes it to a `.npy` file.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let array = self.array(py)?;
        unlocked(py, || array.save(path))
    }

    /// Gives it up.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let State::Open(array) = self.take() else { return Ok(()) };
        unlocked(py, || {
            drop(array);
            Ok(())
        })
    }

    /// Removes its name.
    fn destroy(&self, py: Python<'_>) -> PyResult<()> {
        let array = self.array(py)?;
        unlocked(py, || array.destroy())
    }

    /// The same array, which nobody can write any more; this handle is closed.
    fn frozen_handle(&self, py: Python<'_>) -> PyResult<Self> {
        let array = match self.take() {
            State::Open(array) => array,
            other => {
                *self.state() = other;
                return Err(self.array(py).err().unwrap_or_else(closed));
            }
        };
        let frozen = py.detach(|| array.freeze());
        let failed = match frozen {
            Ok(frozen) => return Ok(Self::new(frozen)),
            Err(failed) => failed,
        };
        let error = raised(py, failed.error());
        match py.detach(|| failed.into_array()) {
            Ok(array) => *self.state() = State::Open(array),
            Err(lost) => *self.state() = State::Broken(raised(py, &lost)),
        }
        Err(error)
    }

    /// What another process needs to attach.
    fn payload<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let array = self.array(py)?;
        let bytes = unlocked(py, || {
            let payload = match array.backend() {
                BackendKind::Mmap => Payload { descriptor: array.descriptor(), origin: None },
                _ => array.payload()?,
            };
            payload.to_bytes()
        })?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Keeps the array from vanishing, without its mapping.
    fn held(&self, py: Python<'_>) -> PyResult<Held> {
        Ok(Held { kept: Mutex::new(Some(self.array(py)?.detach())) })
    }

    /// A buffer of the elements.
    ///
    /// # Safety
    /// The interpreter calls it, with a valid pointer.
    unsafe fn __getbuffer__(
        this: &Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let py = this.py();
        // SAFETY: the interpreter gives a valid pointer, and wants no object where there is an error.
        unsafe { (*view).obj = std::ptr::null_mut() };
        let memory = this.get().elements_of(py).map_err(|error| {
            let text = error.value(py).to_string();
            pyo3::exceptions::PyBufferError::new_err(text)
        })?;
        Memory::fill_elements(&Bound::new(py, memory)?, view, flags)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let State::Open(array) = self.take() {
            let len = array.nbytes();
            release(array, len);
        }
    }
}

impl From<AxisPart> for SliceInfoElem {
    fn from(part: AxisPart) -> Self {
        match part {
            AxisPart::Index(index) => Self::Index(index),
            AxisPart::Slice(start, end, step) => Slice::new(start, Some(end), step).into(),
        }
    }
}

/// An array that this process keeps from vanishing while somebody else may come for it.
#[pyclass(frozen, module = "shmarray._native")]
pub(crate) struct Held {
    kept: Mutex<Option<Detached<ErasedArray>>>,
}

#[pymethods]
impl Held {
    /// Lets go of it.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        unlocked(py, || {
            drop(kept);
            Ok(())
        })
    }
}
