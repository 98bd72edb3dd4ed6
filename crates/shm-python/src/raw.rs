//! Raw segments: blocks of shared memory that other programs make, such as `multiprocessing.shared_memory`.

use pyo3::prelude::*;
use shmarray::ndarray::Ix1;
use shmarray::raw::{RawArray, ReadOnlyRawArray};
use shmarray::{Commit, Result};

use crate::memory::Memory;
use crate::waiting::unlocked;

/// A block of bytes in `/dev/shm` that says nothing about itself. It stays until its name is removed.
#[pyclass(frozen, module = "shmarray._native")]
pub(crate) struct Raw {
    bytes: Bytes,
}

#[derive(Clone)]
enum Bytes {
    Writable(RawArray<u8, Ix1>),
    ReadOnly(ReadOnlyRawArray<u8, Ix1>),
}

#[pymethods]
impl Raw {
    /// Makes a block of so many bytes, all zero.
    #[staticmethod]
    fn create(py: Python<'_>, name: &str, size: usize, force: bool) -> PyResult<Self> {
        let made = unlocked(py, || RawArray::<u8, _>::builder(size).force(force).create(name))?;
        Ok(Self { bytes: Bytes::Writable(made) })
    }

    /// Attaches to a block, as long as it is now.
    #[staticmethod]
    fn attach(py: Python<'_>, name: &str, readonly: bool) -> PyResult<Self> {
        let bytes = unlocked(py, || if readonly { reading(name) } else { writing(name) })?;
        Ok(Self { bytes })
    }

    #[getter]
    fn name(&self) -> String {
        match &self.bytes {
            Bytes::Writable(bytes) => bytes.name().to_string(),
            Bytes::ReadOnly(bytes) => bytes.name().to_string(),
        }
    }

    /// Its size, in bytes.
    #[getter]
    fn size(&self) -> usize {
        match &self.bytes {
            Bytes::Writable(bytes) => bytes.len(),
            Bytes::ReadOnly(bytes) => bytes.len(),
        }
    }

    /// Its bytes, for the buffer protocol.
    fn memory(&self) -> Memory {
        let (start, writable) = match &self.bytes {
            Bytes::Writable(bytes) => (bytes.raw_view().as_ptr(), true),
            Bytes::ReadOnly(bytes) => (bytes.raw_view().as_ptr(), false),
        };
        Memory::raw(self.bytes.clone(), start, self.size(), writable)
    }

    /// Removes its name, if it still bears it.
    fn unlink(&self, py: Python<'_>) -> PyResult<()> {
        unlocked(py, || match &self.bytes {
            Bytes::Writable(bytes) => bytes.unlink(),
            Bytes::ReadOnly(bytes) => bytes.unlink(),
        })
    }
}

fn writing(name: &str) -> Result<Bytes> {
    let whole = RawArray::<u8, Ix1>::builder(0).commit(Commit::Lazy).attach(name)?.segment_len();
    let len = usize::try_from(whole).unwrap_or(usize::MAX);
    RawArray::attach(name, len).map(Bytes::Writable)
}

fn reading(name: &str) -> Result<Bytes> {
    let whole = ReadOnlyRawArray::<u8, Ix1>::attach(name, 0)?.segment_len();
    let len = usize::try_from(whole).unwrap_or(usize::MAX);
    ReadOnlyRawArray::attach(name, len).map(Bytes::ReadOnly)
}
