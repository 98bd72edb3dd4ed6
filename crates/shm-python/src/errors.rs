//! Errors of the library as Python exceptions: a class for each kind, in `_errors.py`.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use shmarray::{Error, ErrorKind};

/// The exception for an error.
pub(crate) fn raised(py: Python<'_>, error: &Error) -> PyErr {
    make(py, error).unwrap_or_else(|failed| failed)
}

fn make(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let facts = PyDict::new(py);
    match error.kind() {
        ErrorKind::BarrierBroken { slot, .. } => facts.set_item("slot", slot)?,
        ErrorKind::NoSpace { needs, has, .. } => {
            facts.set_item("needs", needs)?;
            facts.set_item("has", has)?;
        }
        ErrorKind::Os { error, .. } => facts.set_item("errno", error.raw_os_error())?,
        _ => {}
    }
    let module = py.import("shmarray._errors")?;
    let made = module.call_method1("make", (name(error), error.to_string(), facts))?;
    Ok(PyErr::from_value(made))
}

/// The kind's name, which is that of its class.
fn name(error: &Error) -> String {
    let shown = format!("{:?}", error.kind());
    shown.chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// The exception for what cannot happen unless this crate is wrong.
pub(crate) fn bug(what: &str) -> PyErr {
    PyRuntimeError::new_err(what.to_owned())
}
