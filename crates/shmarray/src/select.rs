//! Which backend an array gets that does not name one, and why.

use shm_core::{BackendKind, Error, Result};
use shm_select::Selector;
pub use shm_select::{Candidate, Facts, Needs, SelectedBy, Selection, Verdict, Why, Workers};

use crate::backends::COMPILED;

static SELECTOR: Selector = Selector::new(COMPILED);

/// Sets the backend of this process's arrays that do not name one; `None` leaves it to the
/// library. The environment (`SHMARRAY_BACKEND`) goes before it. A backend that the system refuses
/// is an error of the next array.
///
/// # Errors
/// [`BackendNotCompiled`](shm_core::ErrorKind::BackendNotCompiled), naming the feature.
pub fn set_backend(backend: Option<BackendKind>) -> Result<()> {
    SELECTOR.set_backend(backend)
}

/// Which backend an array with such needs would get, and why: it displays as an explanation.
///
/// # Errors
/// [`UnknownBackend`](shm_core::ErrorKind::UnknownBackend) and
/// [`InvalidSetting`](shm_core::ErrorKind::InvalidSetting) for what the environment says;
/// [`BackendNotCompiled`](shm_core::ErrorKind::BackendNotCompiled) and
/// [`BackendRefused`](shm_core::ErrorKind::BackendRefused) if what was asked for cannot be had.
pub fn select(needs: &Needs) -> Result<Selection> {
    SELECTOR.select(needs)
}

/// The choice that is left for an array, after making it on the chosen backend failed.
pub(crate) fn refused(selection: Selection, error: Error) -> Result<Selection> {
    SELECTOR.refused(selection, error)
}
