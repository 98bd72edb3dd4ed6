//! Arrays that are attached for one function: what is mapped before, during and after.

#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test, or is to panic

use std::panic::AssertUnwindSafe;

use shm_conformance::leaks::{self, Snapshot};
use shm_conformance::process::{self, Child};
use shmarray::prelude::*;
use shmarray::{names::unique_name, with_attached};

fn main() {
    process::main(
        &[],
        &[
            ("attached_before_and_detached_after", before_and_after),
            ("also_if_the_function_fails_or_panics", fails_or_panics),
            ("if_one_cannot_be_attached_none_is", none_is),
            ("by_payload_and_by_name", by_payload_and_by_name),
            ("several_at_once", several),
            ("a_worker_on_what_it_was_sent", worker),
        ],
    );
}

fn mappings() -> usize {
    Snapshot::take().mappings.len()
}

fn detached(backend: BackendKind, value: u32) -> Detached<SharedArray<u32, Ix1>> {
    let array = SharedArray::builder(5).unique("wrap").backend(backend);
    array.full(value).unwrap().detach()
}

fn before_and_after() {
    leaks::none(|| {
        for backend in BackendKind::ALL {
            let (a, b) = (detached(backend, 1), detached(backend, 2));
            let before = Snapshot::take();
            let sum = with_attached((&a, &b), |(a, b)| {
                // An anonymous array is nothing but its mapping, so it is there all the time.
                let more = if backend == BackendKind::Mmap { 0 } else { 2 };
                assert_eq!(mappings(), before.mappings.len() + more);
                b.fill(7);
                a.to_owned_array().sum() + b.to_owned_array().sum()
            });
            assert_eq!(sum.unwrap(), 40);
            before.assert_unchanged("the function");
            // What is written stays, and the part that is shown is that of the handle.
            let part = b.attach().unwrap().slice(s![1..;2]).unwrap().detach();
            assert_eq!(with_attached(&part, |part| part.to_owned_array().len()).unwrap(), 2);
            assert_eq!(with_attached(&b, |b| b.get(4)).unwrap(), Some(7));
        }
    });
}

fn fails_or_panics() {
    leaks::none(|| {
        for backend in BackendKind::ALL {
            let (a, b) = (detached(backend, 1), detached(backend, 2));
            let before = Snapshot::take();
            let fails = with_attached((&a, &b), |(a, _)| a.set(99, 0)).unwrap();
            assert!(matches!(fails.unwrap_err().kind(), ErrorKind::OutOfBounds { .. }));
            before.assert_unchanged("a failure");
            let panics = std::panic::catch_unwind(AssertUnwindSafe(|| {
                with_attached((&a, &b), |_| panic!("in the middle of it"))
            }));
            assert!(panics.is_err());
            before.assert_unchanged("a panic");
        }
    });
}

fn none_is() {
    leaks::none(|| {
        let (a, b) = (detached(BackendKind::Shm, 1), detached(BackendKind::Shm, 2));
        let before = Snapshot::take();
        let missing = unique_name("missing").unwrap();
        let unknown = with_attached(
            (&a, missing.as_str(), &b),
            |_: &(SharedArray<u32, Ix1>, ErasedArray, SharedArray<u32, Ix1>)| {
                panic!("it is called")
            },
        );
        assert!(matches!(unknown.unwrap_err().kind(), ErrorKind::NotFound { .. }));
        before.assert_unchanged("a name that is not there");

        let wrong = with_attached(
            (&a, b.name().as_str()),
            |_: &(SharedArray<u32, Ix1>, SharedArray<f64, Ix1>)| panic!("it is called"),
        );
        assert!(matches!(wrong.unwrap_err().kind(), ErrorKind::DTypeMismatch { .. }));
        before.assert_unchanged("a wrong type");

        let path = std::path::Path::new("/dev/shm").join(b.name().as_str());
        std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(0).unwrap();
        let short = with_attached(vec![&a, &b], |_| panic!("it is called"));
        assert!(matches!(short.unwrap_err().kind(), ErrorKind::Truncated { .. }));
        before.assert_unchanged("a shortened array");
        assert_eq!(with_attached(&a, |a| a.get(0)).unwrap(), Some(1));
    });
}

fn by_payload_and_by_name() {
    leaks::none(|| {
        let shm = SharedArray::builder(2).unique("wrap").backend(BackendKind::Shm).full(3_u8);
        let shm = shm.unwrap();
        let memfd = SharedArray::builder(4).backend(BackendKind::Memfd).full(1.5_f64).unwrap();
        let frozen = memfd.into_memfd().unwrap().freeze().unwrap();
        let (name, payload) = (shm.name().to_string(), frozen.payload().unwrap());
        let guarded = GuardedArray::<u64, _>::builder(1).unique("wrap").backend(BackendKind::Shm);
        let guarded = guarded.zeros().unwrap();
        let before = Snapshot::take();
        type Three = (ReadOnlyArray<u8, Ix1>, FrozenArray<f64, Ix1>, GuardedArray<u64, Ix1>);
        let sum = with_attached(
            (&name, &payload, guarded.name().as_str()),
            |(shm, frozen, guarded): &Three| {
                guarded.write().unwrap()[0] = 12;
                f64::from(shm.get(1).unwrap()) + frozen.view().sum()
            },
        );
        assert_eq!((sum.unwrap(), guarded.read().unwrap()[0]), (9.0, 12));
        let dtypes =
            with_attached((&*name, payload), |(shm, frozen): &(ErasedArray, ErasedArray)| {
                assert!(frozen.is_frozen());
                format!("{} {}", shm.dtype(), frozen.dtype())
            });
        assert_eq!(dtypes.unwrap(), "|u1 <f8");
        before.assert_unchanged("both");
    });
}

fn several() {
    leaks::none(|| {
        let all: Vec<_> = (0..6).map(|value| detached(BackendKind::Memfd, value)).collect();
        let first = |array: &SharedArray<u32, Ix1>| array.get(0).unwrap();
        let firsts = |arrays: &Vec<_>| arrays.iter().map(first).collect::<Vec<_>>();
        let before = mappings();
        let count = with_attached(&all[1..4], |arrays| (firsts(arrays), mappings())).unwrap();
        assert_eq!(count, (vec![1, 2, 3], before + 3));
        assert_eq!(with_attached(&all, firsts).unwrap(), [0, 1, 2, 3, 4, 5]);
        assert_eq!(with_attached([&all[5], &all[5]], firsts).unwrap(), [5, 5]);
        assert_eq!(with_attached(&all[..0], firsts).unwrap(), [0; 0]);

        let [a, b, c, d, e, f] = &all[..] else { panic!("six") };
        assert_eq!(with_attached((b,), |(b,)| first(b)).unwrap(), 1);
        assert_eq!(with_attached((b, c), |(b, c)| first(b) + first(c)).unwrap(), 3);
        let sum = with_attached((a, b, c, d, e, f), |(a, b, c, d, e, f)| {
            assert_eq!(mappings(), before + 6);
            first(a) + first(b) + first(c) + first(d) + first(e) + first(f)
        });
        assert_eq!(sum.unwrap(), 15);
        let nested = with_attached((&all[..2], (e, f)), |(some, (e, f))| {
            firsts(some).iter().sum::<u32>() + first(e) * first(f)
        });
        assert_eq!(nested.unwrap(), 21);

        // What is kept stays attached.
        let kept = with_attached(a, Clone::clone).unwrap();
        assert_eq!((first(&kept), mappings()), (0, before + 1));
        drop((kept, all)); // those given by value leave
        with_attached(detached(BackendKind::Memfd, 3), |a| assert_eq!(first(a), 3)).unwrap();
    });
}

fn worker() {
    let input = detached(BackendKind::Memfd, 20);
    let output = SharedArray::<u32, _>::builder(5).unique("wrap").backend(BackendKind::Shm);
    let output = output.zeros().unwrap();
    let payload = input.attach().unwrap().payload().unwrap().to_bytes().unwrap();
    let child = Child::fork(|| {
        process::die_if_hanging(60);
        let payload = Payload::from_bytes(&payload).unwrap();
        let before = mappings();
        let work = |(input, output): &(ReadOnlyArray<u32, Ix1>, SharedArray<u32, Ix1>)| {
            output.copy_from(&(input.to_owned_array() * 2)).unwrap();
        };
        with_attached((payload, output.name().as_str()), work).unwrap();
        i32::from(mappings() != before)
    });
    assert!(child.wait().success());
    assert_eq!(output.to_owned_array().sum(), 200);
}
