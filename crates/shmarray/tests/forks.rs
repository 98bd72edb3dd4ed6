//! Guarded arrays in forked children: inherited, found by name, and locked by their parent.

#![allow(clippy::unwrap_used)] // a failed step fails the test

use shm_conformance::process::{self, Child, in_a_child};
use shmarray::prelude::*;

fn main() {
    process::main(
        &[],
        &[
            ("a_child_works_with_what_it_inherits_and_finds", inherits_and_finds),
            ("a_child_does_not_hold_its_parents_guards", does_not_hold),
            ("who_only_tries_finds_the_dead_too", tries),
            ("poisoned_data_are_not_frozen", poisoned_is_not_frozen),
        ],
    );
}

/// One guarded array of three ones on each backend of this build.
fn arrays() -> impl Iterator<Item = GuardedArray<u64, Ix1>> {
    BackendKind::ALL.into_iter().filter_map(|backend| {
        match GuardedArray::<u64, _>::builder(3).unique("forks").backend(backend).full(1) {
            Err(error) if matches!(error.kind(), ErrorKind::BackendNotCompiled { .. }) => None,
            made => Some(made.unwrap()),
        }
    })
}

fn inherits_and_finds() {
    for array in arrays() {
        array.write().unwrap()[0] += 10;
        in_a_child(|| {
            let slots = |array: &GuardedArray<u64, Ix1>| {
                let all = array.participants().unwrap();
                all.iter().map(|one| (one.slot, one.is_me)).collect::<Vec<_>>()
            };
            assert_eq!(slots(&array), [(0, false)], "the parent's slot is not the child's");
            array.write().unwrap()[0] += 100;
            assert_eq!(slots(&array), [(0, false), (1, true)]);
            let found: GuardedArray<u64, Ix1> = match array.backend() {
                BackendKind::Memfd => GuardedArray::from_payload(&array.payload().unwrap()),
                _ => GuardedArray::attach(array.name().as_str()),
            }
            .unwrap();
            let part = found.slice(s![..1]).unwrap();
            part.write().unwrap()[0] += 1000;
            let refused = array.erased().typed::<u64, Ix1, shmarray::mode::ReadWrite>();
            assert!(matches!(refused.unwrap_err().kind(), ErrorKind::GuardMismatch { .. }));
        });
        assert_eq!(array.read().unwrap()[0], 1111);
    }
}

fn does_not_hold() {
    for array in arrays() {
        let guard = array.write().unwrap();
        let mut inherited = Some(guard);
        in_a_child(|| {
            drop(inherited.take()); // the child's copy
            let error = array.try_write().map(drop).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::TimedOut { .. }), "{error}");
        });
        let parents = inherited.take().unwrap();
        assert!(array.try_read().is_err(), "the parent holds it still");
        drop(parents);
        assert!(array.try_read().is_ok());
    }
}

fn tries() {
    for array in arrays() {
        let writes = Child::idle(|| std::mem::forget(array.write().unwrap()));
        assert!(array.try_read().is_err());
        drop(writes); // killed
        let error = array.try_write().map(drop).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Poisoned { .. }), "{error}");
        array.write_poisoned(Timeout::NoWait).unwrap().set_poisoned(false);

        let reads = Child::idle(|| std::mem::forget(array.read().unwrap()));
        assert!(array.try_write().is_err());
        drop(reads);
        drop(array.try_write().unwrap());
    }
}

fn poisoned_is_not_frozen() {
    for array in arrays() {
        drop(Child::idle(|| std::mem::forget(array.write().unwrap())));
        assert!(array.is_poisoned(), "also where nobody has locked since");
        let refused = array.freeze().unwrap_err();
        assert!(matches!(refused.error().kind(), ErrorKind::Poisoned { .. }), "{refused}");
        let array = refused.into_array().unwrap();
        array.write_poisoned(Timeout::NoWait).unwrap().set_poisoned(false);
        if array.backend() == BackendKind::Memfd {
            assert_eq!(array.freeze().unwrap().view().sum(), 3);
        }
    }
}
