//! Arrays by their names, and which backend they get.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use shmarray::names;
use shmarray::select as choice;

use crate::errors::raised;
use crate::events;
use crate::options::{backend, workers};
use crate::waiting::unlocked;

/// Removes a name; tells whether it is free now.
#[pyfunction]
pub(crate) fn delete(py: Python<'_>, name: &str) -> PyResult<bool> {
    unlocked(py, || names::delete(name))
}

/// Removes what killed processes left; tells its entries, and how many bytes each had.
#[pyfunction]
pub(crate) fn gc(py: Python<'_>) -> PyResult<Vec<(String, u64)>> {
    events::listen(py);
    let removed = unlocked(py, names::gc)?;
    Ok(removed.into_iter().map(|one| (one.entry, one.bytes)).collect())
}

/// Each array of this machine, as a dictionary.
#[pyfunction]
pub(crate) fn ls(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    let listing = unlocked(py, shm_survey::list)?;
    let described = |one: shm_survey::SegmentInfo| {
        let (header, about) = (one.header(), PyDict::new(py));
        about.set_item("name", header.name().as_str())?;
        about.set_item("backend", one.backend().as_str())?;
        about.set_item("descr", header.dtype().to_string())?;
        about.set_item("shape", PyTuple::new(py, header.layout().shape())?)?;
        about.set_item("nbytes", header.layout().nbytes())?;
        about.set_item("frozen", one.is_frozen())?;
        about.set_item("guarded", header.guarded())?;
        about.set_item("place", one.locator().to_string())?;
        about.set_item("in_use", one.is_in_use().ok())?;
        Ok(about)
    };
    listing.segments.into_iter().map(described).collect()
}

/// A name that nobody else has.
#[pyfunction]
pub(crate) fn unique_name(py: Python<'_>, prefix: &str) -> PyResult<String> {
    names::unique_name(prefix).map(|name| name.to_string()).map_err(|error| raised(py, &error))
}

/// Sets the backend of arrays that do not name one.
#[pyfunction]
pub(crate) fn set_backend(py: Python<'_>, name: Option<&str>) -> PyResult<()> {
    let chosen = backend(py, name)?;
    choice::set_backend(chosen).map_err(|error| raised(py, &error))
}

/// The backend of an array with such needs, and why.
#[pyfunction]
#[pyo3(signature = (nbytes, how, asked, named, /))]
pub(crate) fn select(
    py: Python<'_>,
    nbytes: Option<u64>,
    how: Option<&str>,
    asked: Option<&str>,
    named: bool,
) -> PyResult<(&'static str, String)> {
    let (backend, workers) = (backend(py, asked)?, workers(how)?);
    let needs = choice::Needs { backend, bytes: nbytes, workers, named };
    let selection = unlocked(py, || choice::select(&needs))?;
    Ok((selection.chosen.as_str(), selection.to_string()))
}
