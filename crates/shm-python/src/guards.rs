//! Guards of a guarded array.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use shmarray::erased::{ErasedReadGuard, ErasedWriteGuard};

use crate::errors::bug;
use crate::handle::Handle;
use crate::memory::Memory;
use crate::waiting::{unlocked, waiting};

/// The lock for reading, until it is released.
#[pyclass(frozen, module = "shmarray._native")]
pub(crate) struct ReadGuard {
    guard: Mutex<Option<ErasedReadGuard>>,
}

/// The lock for writing, until it is released.
#[pyclass(frozen, module = "shmarray._native")]
pub(crate) struct WriteGuard {
    guard: Mutex<Option<ErasedWriteGuard>>,
}

fn released() -> PyErr {
    bug("the guard is released")
}

#[pymethods]
impl ReadGuard {
    /// Takes the lock of an array; of a poisoned one only if asked to.
    #[new]
    fn taken(
        py: Python<'_>,
        handle: &Handle,
        timeout: Option<f64>,
        poisoned: bool,
    ) -> PyResult<Self> {
        let array = handle.array(py)?;
        let guard = waiting(py, timeout, |wait| {
            if poisoned { array.read_poisoned(wait) } else { array.read_within(wait) }
        })?;
        Ok(Self { guard: Mutex::new(Some(guard)) })
    }

    /// The elements.
    fn memory(&self) -> PyResult<Memory> {
        let guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        let guard = guard.as_ref().ok_or_else(released)?;
        let elements = guard.elements();
        Ok(Memory::of(elements.array().clone(), &elements, false))
    }

    /// Gives the lock up.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        let guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner).take();
        unlocked(py, || {
            drop(guard);
            Ok(())
        })
    }
}

#[pymethods]
impl WriteGuard {
    /// Takes the lock of an array; of a poisoned one only if asked to.
    #[new]
    fn taken(
        py: Python<'_>,
        handle: &Handle,
        timeout: Option<f64>,
        poisoned: bool,
    ) -> PyResult<Self> {
        let array = handle.array(py)?;
        let guard = waiting(py, timeout, |wait| {
            if poisoned { array.write_poisoned(wait) } else { array.write_within(wait) }
        })?;
        Ok(Self { guard: Mutex::new(Some(guard)) })
    }

    /// The elements.
    fn memory(&self) -> PyResult<Memory> {
        let guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        let guard = guard.as_ref().ok_or_else(released)?;
        let elements = guard.elements();
        Ok(Memory::of(elements.array().clone(), &elements, true))
    }

    /// Says that the elements are whole, or that they are not.
    fn set_poisoned(&self, poisoned: bool) -> PyResult<()> {
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        guard.as_mut().ok_or_else(released)?.set_poisoned(poisoned);
        Ok(())
    }

    /// Gives the lock up.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        let guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner).take();
        unlocked(py, || {
            drop(guard);
            Ok(())
        })
    }
}
