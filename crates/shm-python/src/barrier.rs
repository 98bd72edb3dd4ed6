//! The barrier and the progress counter of an array.

use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use shmarray::sync::{OwnedBarrier, OwnedProgress};

use crate::errors::bug;
use crate::handle::Handle;
use crate::waiting::{unlocked, waiting};

/// A seat at a barrier, until it is left.
#[pyclass(frozen, module = "shmarray._native")]
pub(crate) struct Seat {
    seat: Mutex<Option<OwnedBarrier>>,
    #[pyo3(get)]
    size: u32,
}

impl Seat {
    /// It is in no other thread's hands from then on.
    fn take(&self) -> Option<OwnedBarrier> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[pymethods]
impl Seat {
    /// Takes a seat.
    #[new]
    fn taken(py: Python<'_>, handle: &Handle, size: u32, timeout: Option<f64>) -> PyResult<Self> {
        let array = handle.array(py)?;
        let seat = waiting(py, timeout, |wait| array.barrier_owned(size, wait))?;
        Ok(Self { seat: Mutex::new(Some(seat)), size })
    }

    /// Waits for all others. True in exactly one.
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let Some(mut seat) = self.take() else { return Err(bug("this seat is left or in use")) };
        let done = waiting(py, timeout, |wait| seat.wait_within(wait));
        *self.seat.lock().unwrap_or_else(PoisonError::into_inner) = Some(seat);
        done
    }

    /// Gives the seat up.
    fn leave(&self, py: Python<'_>) -> PyResult<()> {
        let seat = self.take();
        unlocked(py, || {
            drop(seat);
            Ok(())
        })
    }
}

/// The progress counter.
#[pyclass(frozen, module = "shmarray._native")]
pub(crate) struct Counter {
    counter: OwnedProgress,
}

#[pymethods]
impl Counter {
    /// That of an array.
    #[new]
    fn of(py: Python<'_>, handle: &Handle) -> PyResult<Self> {
        let array = handle.array(py)?;
        Ok(Self { counter: unlocked(py, || array.progress_owned())? })
    }

    /// The count.
    fn get(&self) -> u64 {
        self.counter.get()
    }

    /// Counts so many steps more, and tells the count before.
    fn add(&self, steps: u64) -> u64 {
        self.counter.add(steps)
    }

    /// Sleeps until the count is not `seen` any more, and tells it.
    fn wait_past(&self, py: Python<'_>, seen: u64, timeout: Option<f64>) -> PyResult<u64> {
        waiting(py, timeout, |wait| self.counter.wait_past(seen, wait))
    }
}
