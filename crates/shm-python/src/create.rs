//! Making arrays, and attaching to them.
#![allow(unsafe_code)] // reads the buffer of a NumPy array without the GIL

use std::path::PathBuf;

use pyo3::buffer::PyUntypedBuffer;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use shmarray::{BackendKind, DType, ErasedArray, ErrorKind, Order, Payload, Result};

use crate::errors::raised;
use crate::events;
use crate::handle::Handle;
use crate::options::Options;
use crate::waiting::unlocked;

/// Makes an array of a shape and a dtype. Its contents are zeros (`None`), one element again and again
/// (`bytes`), or all elements in the order in which they are to lie (a buffer).
#[pyfunction]
#[pyo3(signature = (shape, descr, options, contents, /))]
pub(crate) fn create(
    py: Python<'_>,
    shape: Vec<usize>,
    descr: &str,
    options: Options,
    contents: &Bound<'_, PyAny>,
) -> PyResult<Handle> {
    events::listen(py);
    let checked = options.checked(py)?;
    let dtype: DType = descr.parse().map_err(|error| raised(py, &error))?;
    let builder = checked.builder(dtype, &shape);
    if contents.is_none() {
        return unlocked(py, || builder.zeros()).map(Handle::new);
    }
    if let Ok(element) = contents.cast::<PyBytes>() {
        let element = element.as_bytes();
        return unlocked(py, || builder.full(element)).map(Handle::new);
    }
    let buffer = PyUntypedBuffer::get(contents)?;
    let elements = Elements::of(&buffer);
    let made = unlocked(py, || {
        // SAFETY: the buffer is held until this is over. Nobody writes to it: the caller, in whose call
        // this is, answers for its other threads, as with every function of NumPy.
        let bytes = unsafe { elements.as_slice() };
        if checked.order == Order::Fortran {
            return builder.filled_by(|to| {
                to.copy_from_slice(bytes);
                Ok(())
            });
        }
        builder.from_bytes(bytes)
    });
    buffer.release(py);
    made.map(Handle::new)
}

/// The bytes of a contiguous buffer.
#[derive(Clone, Copy)]
struct Elements {
    start: usize,
    len: usize,
}

impl Elements {
    fn of(buffer: &PyUntypedBuffer) -> Self {
        Self { start: buffer.buf_ptr().expose_provenance(), len: buffer.len_bytes() }
    }

    /// # Safety
    /// The buffer is held, and nobody writes to it, while the slice lives.
    unsafe fn as_slice<'a>(self) -> &'a [u8] {
        if self.len == 0 {
            return &[];
        }
        let start = std::ptr::with_exposed_provenance(self.start);
        // SAFETY: a buffer is so many bytes from there on; the rest is the caller's word.
        unsafe { std::slice::from_raw_parts(start, self.len) }
    }
}

/// Makes an array from a `.npy` file, or a member of an `.npz` archive; tells whether it was there already.
#[pyfunction]
#[pyo3(signature = (path, member, options, attach, /))]
pub(crate) fn load(
    py: Python<'_>,
    path: PathBuf,
    member: Option<String>,
    options: Options,
    attach: bool,
) -> PyResult<(Handle, bool)> {
    events::listen(py);
    let checked = options.checked(py)?;
    let (array, was_there) = unlocked(py, || {
        let mut load = checked.load(path);
        if let Some(member) = member {
            load = load.member(member);
        }
        if attach {
            return load.attach_or_create().map(|loaded| (loaded.array, loaded.was_there));
        }
        load.create().map(|array| (array, false))
    })?;
    Ok((Handle::new(array), was_there))
}

/// Attaches by name.
#[pyfunction]
#[pyo3(signature = (name, readonly, /))]
pub(crate) fn attach(py: Python<'_>, name: &str, readonly: bool) -> PyResult<Handle> {
    events::listen(py);
    let array = unlocked(py, || {
        if readonly { ErasedArray::attach_read_only(name) } else { ErasedArray::attach(name) }
    })?;
    Ok(Handle::new(array))
}

/// Attaches to what a payload describes, unless it is in the segment of `present`.
#[pyfunction]
#[pyo3(signature = (payload, readonly, present, /))]
pub(crate) fn from_payload(
    py: Python<'_>,
    payload: &[u8],
    readonly: bool,
    present: Option<&Handle>,
) -> PyResult<Handle> {
    let present = present.map(|handle| handle.array(py)).transpose()?;
    let array = unlocked(py, || {
        let payload = Payload::from_bytes(payload)?;
        match present {
            Some(present) => present.part_described_by(&payload.descriptor),
            None => opened(&payload, readonly),
        }
    })?;
    Ok(Handle::new(array))
}

fn opened(payload: &Payload, readonly: bool) -> Result<ErasedArray> {
    let descriptor = &payload.descriptor;
    if descriptor.backend != BackendKind::Mmap {
        return match readonly {
            true => ErasedArray::from_payload_read_only(payload),
            false => ErasedArray::from_payload(payload),
        };
    }
    let name = descriptor.name.as_str();
    let found =
        if readonly { ErasedArray::attach_read_only(name) } else { ErasedArray::attach(name) };
    match found {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound { .. }) => {
            let (operation, backend) =
                ("sharing with a process that was not forked", descriptor.backend);
            let reason = "anonymous mappings are reached by forked descendants only";
            Err(ErrorKind::BackendCannot { operation, backend, reason, able: "shm or memfd" }
                .into())
        }
        found => found?.part_described_by(descriptor),
    }
}

/// Which segment a payload describes.
#[pyfunction]
pub(crate) fn payload_uuid<'py>(py: Python<'py>, payload: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let payload = Payload::from_bytes(payload).map_err(|error| raised(py, &error))?;
    Ok(PyBytes::new(py, payload.descriptor.uuid.as_bytes()))
}
