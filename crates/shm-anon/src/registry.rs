//! The names of this process's anonymous arrays.
//!
//! A forked child inherits a whole copy: no fork falls between the steps of a change. The registry
//! does not keep arrays alive; the handles do.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Weak};

use shm_core::{BackendKind, ErrorKind, Header, Name, Result};
use shm_map::Mapping;
use shm_presence::fork::ForkSafe;

use crate::lock_file::{LockFile, Range};
use crate::os::Refusal;

/// An anonymous array, which lives as long as its handles.
#[derive(Debug)]
pub(crate) struct Array {
    pub(crate) header: Header,
    pub(crate) mapping: Arc<Mapping>,
    /// Given when the array is made: children that are forked before the first lock must share it.
    pub(crate) locks: Result<Range, Box<Refusal>>,
}

impl Drop for Array {
    fn drop(&mut self) {
        withdraw(self.header.name(), Some(&raw const *self));
        tracing::debug!(name = %self.header.name(), "detached from mmap");
    }
}

type Names = BTreeMap<Name, Weak<Array>>;

struct Registry {
    names: Names,
    lock_file: LockFile,
}

/// No step with it may drop the last handle of an array, whose end comes here too.
static REGISTRY: ForkSafe<Registry> =
    ForkSafe::new(Registry { names: BTreeMap::new(), lock_file: LockFile::NONE });

/// Makes an array of a mapping, with lock bytes of its own, and gives it its name.
pub(crate) fn publish(header: Header, mapping: Mapping, force: bool) -> Result<Arc<Array>> {
    REGISTRY.with(|Registry { names, lock_file }| {
        let entry = names.entry(header.name().clone());
        if let Entry::Occupied(other) = &entry
            && !force
            && is_alive(other.get())
        {
            let name = header.name().to_string();
            return Err(ErrorKind::AlreadyExists { name, backend: BackendKind::Mmap }.into());
        }
        let array =
            Arc::new(Array { header, mapping: Arc::new(mapping), locks: lock_file.range() });
        entry.insert_entry(Arc::downgrade(&array));
        Ok(array)
    })
}

fn is_alive(array: &Weak<Array>) -> bool {
    array.strong_count() > 0
}

/// Whether an array bears the name.
pub(crate) fn is_known(name: &Name) -> bool {
    REGISTRY.with(|Registry { names, .. }| names.get(name).is_some_and(is_alive))
}

/// The array that bears the name.
pub(crate) fn find(name: &Name) -> Option<Arc<Array>> {
    REGISTRY.with(|Registry { names, .. }| names.get(name).and_then(Weak::upgrade))
}

/// Takes the name away; with `only`, from that array and not from a successor.
pub(crate) fn withdraw(name: &Name, only: Option<*const Array>) {
    REGISTRY.with(|Registry { names, .. }| {
        if let Some((name, other)) = names.remove_entry(name)
            && only.is_some_and(|array| other.as_ptr() != array)
        {
            names.insert(name, other);
        }
    });
}

#[cfg(test)]
mod tests {
    use shm_conformance::{spec, unique_name};
    use shm_core::Backend;

    use super::*;
    use crate::Anon;

    /// As a child finds it that was forked while another thread ended the array.
    #[test]
    fn the_name_of_one_that_has_gone_is_free() {
        let name = unique_name("gone");
        REGISTRY.with(|Registry { names, .. }| names.insert(name.clone(), Weak::new()));
        assert!(!is_known(&name) && find(&name).is_none());
        let array = Anon.create(&spec(&name, 1), None).unwrap();
        assert!(is_known(&name));
        drop(array);
        assert!(!is_known(&name));
    }
}
