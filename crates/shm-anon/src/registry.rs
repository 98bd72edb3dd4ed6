//! The names of this process's anonymous arrays.
//!
//! A forked child inherits a copy, whole at any instant: no fork falls between the steps of a
//! change. The registry does not keep arrays alive; the handles do.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use shm_core::{BackendKind, ErrorKind, Name, Result};
use shm_presence::fork::Kept;

use crate::segment::Inner;

type Names = BTreeMap<Name, Weak<Inner>>;

/// No step with it may drop the last handle of an array, whose end comes here too.
static NAMES: Kept<Names> = Kept::new(BTreeMap::new());

/// Gives an array its name.
pub(crate) fn publish(name: &Name, array: Weak<Inner>, force: bool) -> Result<()> {
    NAMES.with(|names| {
        if !force && is_alive(names, name) {
            let name = name.to_string();
            return Err(ErrorKind::AlreadyExists { name, backend: BackendKind::Mmap }.into());
        }
        names.insert(name.clone(), array);
        Ok(())
    })
}

fn is_alive(names: &Names, name: &Name) -> bool {
    names.get(name).is_some_and(|array| array.strong_count() > 0)
}

/// Whether an array bears the name.
pub(crate) fn is_known(name: &Name) -> bool {
    NAMES.with(|names| is_alive(names, name))
}

/// The array that bears the name.
pub(crate) fn find(name: &Name) -> Option<Arc<Inner>> {
    NAMES.with(|names| names.get(name).and_then(Weak::upgrade))
}

/// Takes the name away; with `only`, from that array and not from a successor.
pub(crate) fn withdraw(name: &Name, only: Option<*const Inner>) {
    NAMES.with(|names| {
        let wanted = |known: &Weak<Inner>| only.is_none_or(|array| known.as_ptr() == array);
        if names.get(name).is_some_and(wanted) {
            names.remove(name);
        }
    });
}
