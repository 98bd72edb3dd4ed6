//! This backend, as the suite of all backends sees it.

use shm_anon::Anon;
use shm_conformance::{AttachedOf, Harness, NamedHarness};
use shm_core::{Access, Backend, Name, Segment};

pub(crate) struct Mmap;

impl Harness for Mmap {
    type Backend = Anon;

    fn backend() -> Anon {
        Anon
    }

    fn source(attached: &AttachedOf<Self>) -> Name {
        attached.segment.header().name().clone()
    }

    fn leftovers(name: &Name) -> Vec<String> {
        let found = Anon.attach(name.clone(), Access::ReadOnly);
        found.into_iter().map(|array| format!("{:?}", array.region)).collect()
    }
}

impl NamedHarness for Mmap {
    fn source_of(name: &Name) -> Name {
        name.clone()
    }
}
