//! Calls that wait or take long: without the GIL, and interrupted by signals.

use std::ops::ControlFlow;
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use shmarray::{Result, Timeout, Wait};

use crate::{errors, events};

/// Does what takes long without the GIL, and raises its error.
pub(crate) fn unlocked<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T> + Send,
) -> PyResult<T> {
    let done = py.detach(work);
    events::deliver(py);
    done.map_err(|error| errors::raised(py, &error))
}

/// Waits without the GIL, for so many seconds or for ever; signal handlers run meanwhile, and what they
/// raise ends the wait.
pub(crate) fn waiting<T: Send>(
    py: Python<'_>,
    timeout: Option<f64>,
    work: impl FnOnce(Wait<'_>) -> Result<T> + Send,
) -> PyResult<T> {
    let timeout = limit(timeout)?;
    let mut raised = None;
    let done = py.detach(|| {
        let mut hook = || match signals() {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                raised = Some(error);
                ControlFlow::Break(())
            }
        };
        work(Wait::with_hook(timeout, &mut hook))
    });
    events::deliver(py);
    match raised {
        Some(raised) => Err(raised), // what was got meanwhile is given up
        None => done.map_err(|error| errors::raised(py, &error)),
    }
}

/// Runs the handlers of the signals that have come; what one of them raises is the error. At the end of the
/// interpreter there are none: a daemon thread waits on until the process is gone.
fn signals() -> PyResult<()> {
    let served = Python::try_attach(|py| {
        py.check_signals()?;
        Ok(())
    });
    served.unwrap_or(Ok(()))
}

/// Seconds as a limit of a wait; none is for ever.
fn limit(seconds: Option<f64>) -> PyResult<Timeout> {
    match seconds {
        None => Ok(Timeout::Forever),
        Some(seconds) if seconds.is_nan() => Err(PyValueError::new_err("timeout is not a number")),
        Some(seconds) if seconds <= 0.0 => Ok(Timeout::NoWait),
        Some(seconds) => {
            Ok(Duration::try_from_secs_f64(seconds).map_or(Timeout::Forever, Timeout::After))
        }
    }
}
