//! The names of this process's anonymous arrays.
//!
//! A forked child inherits a copy, whole at any instant: no fork falls between the steps of a
//! change. The registry does not keep arrays alive; the handles do.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use shm_core::{BackendKind, ErrorKind, Name};
use shm_presence::fork::Kept;

use crate::companion::{Companion, Range, Refusal};
use crate::segment::Inner;

type Names = BTreeMap<Name, Weak<Inner>>;

struct Registry {
    names: Names,
    companion: Companion,
}

/// No step with it may drop the last handle of an array, whose end comes here too.
static REGISTRY: Kept<Registry> =
    Kept::new(Registry { names: BTreeMap::new(), companion: Companion::NONE });

/// Makes an array, whose locks are in that range, and gives it its name.
pub(crate) fn publish(
    name: &Name,
    force: bool,
    make: impl FnOnce(Result<Range, Refusal>) -> Arc<Inner>,
) -> shm_core::Result<Arc<Inner>> {
    REGISTRY.with(|Registry { names, companion }| {
        if !force && is_alive(names, name) {
            let name = name.to_string();
            return Err(ErrorKind::AlreadyExists { name, backend: BackendKind::Mmap }.into());
        }
        let array = make(companion.range());
        names.insert(name.clone(), Arc::downgrade(&array));
        Ok(array)
    })
}

fn is_alive(names: &Names, name: &Name) -> bool {
    names.get(name).is_some_and(|array| array.strong_count() > 0)
}

/// Whether an array bears the name.
pub(crate) fn is_known(name: &Name) -> bool {
    REGISTRY.with(|Registry { names, .. }| is_alive(names, name))
}

/// The array that bears the name.
pub(crate) fn find(name: &Name) -> Option<Arc<Inner>> {
    REGISTRY.with(|Registry { names, .. }| names.get(name).and_then(Weak::upgrade))
}

/// Takes the name away; with `only`, from that array and not from a successor.
pub(crate) fn withdraw(name: &Name, only: Option<*const Inner>) {
    REGISTRY.with(|Registry { names, .. }| {
        let wanted = |known: &Weak<Inner>| only.is_none_or(|array| known.as_ptr() == array);
        if names.get(name).is_some_and(wanted) {
            names.remove(name);
        }
    });
}
