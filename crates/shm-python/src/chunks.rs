//! A guarded array chunk by chunk.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use shmarray::erased::{ErasedChunk, ErasedChunks};

use crate::errors::bug;
use crate::handle::Handle;
use crate::memory::Memory;
use crate::waiting::{unlocked, waiting};

/// One round over an array.
#[pyclass(frozen, module = "shmarray._native")]
pub(crate) struct Round {
    chunks: ErasedChunks,
}

#[pymethods]
impl Round {
    /// Takes part in a round.
    #[new]
    fn begun(
        py: Python<'_>,
        handle: &Handle,
        number: u32,
        axis: usize,
        rows: usize,
    ) -> PyResult<Self> {
        let array = handle.array(py)?;
        Ok(Self { chunks: unlocked(py, || array.chunks_of_round(number, axis, rows))? })
    }

    /// The next chunk, or none if all are done.
    fn claim(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Claim>> {
        let chunk = waiting(py, timeout, |wait| self.chunks.claim_within(wait))?;
        Ok(chunk.map(Claim::new))
    }

    /// How many chunks are done, and how many there are.
    fn progress(&self, py: Python<'_>) -> PyResult<(u32, u32)> {
        let progress = unlocked(py, || self.chunks.progress())?;
        Ok((progress.done, progress.chunks))
    }

    /// The same, when more than `seen` are done or all are.
    fn wait_past(&self, py: Python<'_>, seen: u32, timeout: Option<f64>) -> PyResult<(u32, u32)> {
        let progress = waiting(py, timeout, |wait| self.chunks.wait_past(seen, wait))?;
        Ok((progress.done, progress.chunks))
    }
}

/// A chunk that this process has, until it is done or given back.
#[pyclass(frozen, module = "shmarray._native")]
pub(crate) struct Claim {
    chunk: Mutex<Option<ErasedChunk>>,
    #[pyo3(get)]
    index: u32,
    #[pyo3(get)]
    start: usize,
    #[pyo3(get)]
    stop: usize,
    #[pyo3(get)]
    is_retry: bool,
}

impl Claim {
    fn new(chunk: ErasedChunk) -> Self {
        let (index, range, is_retry) = (chunk.index(), chunk.range(), chunk.is_retry());
        let (start, stop) = (range.start, range.end);
        Self { chunk: Mutex::new(Some(chunk)), index, start, stop, is_retry }
    }

    fn take(&self) -> Option<ErasedChunk> {
        self.chunk.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[pymethods]
impl Claim {
    /// Whether this process has it still.
    #[getter]
    fn held(&self) -> bool {
        self.chunk.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Its elements.
    fn memory(&self) -> PyResult<Memory> {
        let chunk = self.chunk.lock().unwrap_or_else(PoisonError::into_inner);
        let chunk = chunk.as_ref().ok_or_else(|| bug("the chunk is not held any more"))?;
        let elements = chunk.elements();
        Ok(Memory::of(elements.array().clone(), &elements, true))
    }

    /// Nobody gets it again in this round. Tells whether it was held.
    fn done(&self, py: Python<'_>) -> PyResult<bool> {
        let chunk = self.take();
        unlocked(py, || Ok(chunk.map(ErasedChunk::done).is_some()))
    }

    /// It is handed out again. Tells whether it was held.
    fn give_back(&self, py: Python<'_>) -> PyResult<bool> {
        let chunk = self.take();
        unlocked(py, || Ok(chunk.map(drop).is_some()))
    }
}
