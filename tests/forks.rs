//! Ten thousand forks from a process whose other threads create and drop arrays all the time.
#![allow(clippy::unwrap_used)] // a failed step fails the test

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use shm_conformance::{leaks, process, unique_name};
use shmarray::BackendKind;
use shmarray::prelude::*;

const FORKS: usize = 10_000;

type Array = SharedArray<u64, Ix1>;

fn main() {
    process::main(&[], &[("no_child_hangs_and_nothing_is_left", forks)]);
}

fn create(backend: BackendKind, value: u64) -> Array {
    let name = unique_name(backend.as_str());
    SharedArray::builder(50).backend(backend).name(name.as_str()).full(value).unwrap()
}

fn assert_all(array: &Array, value: u64) {
    assert!(array.to_owned_array().iter().all(|found| *found == value), "{array:?}");
}

fn forks() {
    let known = BackendKind::ALL.map(|backend| create(backend, 7));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for backend in BackendKind::ALL {
            let over = &over;
            scope.spawn(move || {
                while !over.load(Relaxed) {
                    assert_all(&create(backend, 1), 1);
                }
            });
        }
        process::fork_many(FORKS, || live(&known));
        over.store(true, Relaxed);
    });
    known.iter().for_each(|array| assert_all(array, 8));
    drop(known);
    // Names that were left to children go once these have ended, while other arrays come and go.
    for _ in 0..10_000 {
        if leaks::entries().is_empty() {
            break;
        }
        drop(create(BackendKind::Shm, 1));
    }
    assert_eq!(leaks::entries(), [""; 0]);
}

/// The life of a child: it uses the inherited arrays, attaches to them by name, and makes some of its own.
fn live(known: &[Array]) {
    for array in known {
        let value = array.get(0).unwrap();
        assert!(value == 7 || value == 8);
        array.fill(8);
        if array.backend() != BackendKind::Memfd {
            assert_all(&Array::attach(array.name().as_str()).unwrap(), 8);
        }
        assert_all(&create(array.backend(), 9), 9);
    }
}
