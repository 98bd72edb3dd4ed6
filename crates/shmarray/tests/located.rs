//! Whether a view lies in shared memory, and where: of every kind of view, while arrays come and go.

#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test
#![allow(unsafe_code)] // ordinary views of arrays that nobody writes

use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use shm_conformance::leaks;
use shm_conformance::process::{self, Child};
use shmarray::ndarray::{Array1, Array2, ArrayView2, Ix6, aview1};
use shmarray::prelude::*;
use shmarray::{
    memory::{Located, containing, is_shared},
    raw::RawArray,
};

fn main() {
    process::main(
        &[],
        &[
            ("views_and_views_of_views", views_of_views),
            ("it_tells_which_array", which_array),
            ("other_memory_is_not_shared", other_memory),
            ("views_without_elements_lie_nowhere", no_elements),
            ("pointers_of_a_part_or_beyond", pointers),
            ("guards_and_chunks", guards_and_chunks),
            ("frozen_and_read_only", frozen_and_read_only),
            ("arrays_in_raw_segments", raw),
            ("gone_with_the_last_handle", gone_with_the_last_handle),
            ("addresses_that_are_used_again", used_again),
            ("a_forked_child_asks_too", a_forked_child),
            ("a_fork_at_any_instant_leaves_it_usable", forks_at_any_instant),
            ("a_thousand_arrays_side_by_side", side_by_side),
            ("who_asks_keeps_no_other_array", keeps_no_other),
        ],
    );
}

fn made(backend: BackendKind, shape: (usize, usize)) -> SharedArray<u32, Ix2> {
    SharedArray::builder(shape).unique("located").backend(backend).zeros().unwrap()
}

fn ordinary(array: &SharedArray<u32, Ix2>) -> ArrayView2<'_, u32> {
    // SAFETY: nobody writes it in these tests while a view of it lives.
    unsafe { array.view() }
}

fn views_of_views() {
    for backend in BackendKind::ALL {
        let array = made(backend, (10, 20));
        let view = ordinary(&array);
        let offset = |row: usize, column: usize| (row * 20 + column) * 4;
        let at = |found: Option<Located>| found.map(|found| found.offset);
        assert_eq!(at(containing(&view)), Some(0));
        assert_eq!(at(containing(view.as_slice().unwrap())), Some(0));
        assert_eq!(at(containing(&view.as_slice().unwrap()[7..9])), Some(28));

        let part = view.slice(s![2..8;-2, 5..;3]); // rows 7, 5, 3
        assert_eq!(at(containing(&part)), Some(offset(7, 5)));
        let again = part.slice(s![1.., ..;-1]); // rows 5, 3; columns 17, 14, …
        assert_eq!(at(containing(&again)), Some(offset(5, 17)));
        assert_eq!(at(containing(&again.t())), Some(offset(5, 17)));
        assert_eq!(at(containing(&again.row(1))), Some(offset(3, 17)));
        assert_eq!(at(containing(&again.row(1).slice(s![2..3]))), Some(offset(3, 11)));
        assert_eq!(at(containing(&again.index_axis(Axis(1), 4).to_owned())), None);
        assert_eq!(at(containing(&view.slice(s![9.., 19..]))), Some(offset(9, 19)));
        assert_eq!(at(containing(&view.slice(s![..;-1, ..;-1]))), Some(offset(9, 19)));
        assert_eq!(at(containing(&view.row(3).broadcast((5, 20)).unwrap())), Some(offset(3, 0)));
        assert!(is_shared(&view.into_dyn()) && is_shared(&&part) && is_shared(&*part));
        assert!(is_shared(&array.raw_view()) && is_shared(&array.raw_view_mut()));
        assert!(is_shared(&array.atomic_view()) && is_shared(&array.elements().raw_view()));
        // SAFETY: nobody else uses it meanwhile.
        let mut mutable = unsafe { array.view_mut() };
        assert!(is_shared(&mutable) && is_shared(&&mut mutable.row_mut(2)));

        let slice = array.slice(s![4.., 1]).unwrap();
        assert_eq!(at(containing(&slice.raw_view())), Some(offset(4, 1)));
        let axes: SharedArray<u32, Ix6> = array.reshape((2, 2, 5, 1, 2, 5)).unwrap();
        let axes = axes.slice(s![1, .., ..;-1, .., 1.., ..]).unwrap(); // from 100 + 40 + 5
        assert_eq!(at(containing(&axes.raw_view())), Some(4 * 145));
    }
}

fn which_array() {
    for backend in BackendKind::ALL {
        let (other, array) = (made(backend, (3, 4)), made(backend, (5, 6)));
        let renamed = array.renamed("another").unwrap();
        for handle in [&array, &array.clone(), &renamed, &array.clone().detach().attach().unwrap()]
        {
            let found = containing(&ordinary(handle).row(2)).unwrap();
            assert_eq!((&found.name, found.backend), (array.name(), backend));
            assert_eq!((&found.dtype, &*found.shape), (array.dtype(), &[5, 6][..]));
            assert_eq!((found.access, found.offset), (Access::ReadWrite, 48));
        }
        let found = containing(&ordinary(&other).row(2)).unwrap();
        assert_eq!((&found.name, &*found.shape, found.offset), (other.name(), &[3, 4][..], 32));
    }
}

fn other_memory() {
    let _array = made(BackendKind::Shm, (100, 100));
    let (heap, stack, text) = (vec![1_u8; 1 << 20], [0_u64; 4], "text");
    assert!(!is_shared(&heap[..]) && !is_shared(&stack[..]) && !is_shared(text.as_bytes()));
    assert!(!is_shared(&Array2::<f64>::zeros((300, 300))) && !is_shared(&aview1(&stack)));
    assert!(!is_shared(&Array1::<u8>::from(heap).into_shared()), "that is another sharing");
    assert!(!is_shared(&_array.to_owned_array()));
    assert_eq!(containing(&stack[1..]), None);
}

fn no_elements() {
    let array = made(BackendKind::Mmap, (10, 20));
    let view = ordinary(&array);
    assert!(!is_shared(&view.slice(s![3..3, ..])) && !is_shared(&view.slice(s![.., 20..])));
    assert!(!is_shared(&view.as_slice().unwrap()[5..5]) && !is_shared(&[(), ()]));
    for backend in BackendKind::ALL {
        let empty = made(backend, (0, 3));
        assert!(!is_shared(&ordinary(&empty)) && is_shared(&view));
    }
    let zero_dimensional = SharedArray::builder(()).full(1_u8).unwrap();
    assert!(is_shared(&zero_dimensional.raw_view()));
}

fn pointers() {
    let array = made(BackendKind::Memfd, (1, 1024));
    let all = ordinary(&array);
    let range = all.as_slice().unwrap().as_ptr_range();
    assert!(is_shared(&range));
    for (before, behind, shared) in [(0, 1, false), (1, 0, false), (1, 1, false), (0, 0, true)] {
        let start = range.start.wrapping_sub(before);
        let end = range.end.wrapping_add(behind);
        assert_eq!(is_shared(&(start..end)), shared, "{before} before, {behind} behind");
    }
    assert!(!is_shared(&(range.end..range.start)) && !is_shared(&(range.start..range.start)));
    assert!(!is_shared(&(ptr::null::<u8>()..ptr::without_provenance(usize::MAX))));
    // The header, which no view shows.
    let first = range.start.wrapping_sub(64);
    assert!(!is_shared(&(first..first.wrapping_add(4))));
}

fn guards_and_chunks() {
    for backend in BackendKind::ALL {
        let array = GuardedArray::<u16, _>::builder((8, 3)).unique("located").backend(backend);
        let array = array.zeros().unwrap();
        let row = |found: Option<Located>| found.map(|found| found.offset / 6);
        {
            let guard = array.read().unwrap();
            assert_eq!(row(containing(&guard)), Some(0));
            assert_eq!(row(containing(&guard.row(5))), Some(5));
            assert!(!is_shared(&guard.to_owned()));
        }
        let part = array.slice(s![2..;-1, ..]).unwrap();
        let mut guard = part.write().unwrap();
        assert_eq!(row(containing(&guard)), Some(7));
        assert!(is_shared(&guard.row_mut(0)));
        drop(guard);
        for chunk in array.chunks(3).unwrap() {
            let mut chunk = chunk.unwrap();
            assert_eq!(row(containing(&chunk)), Some(chunk.range().start));
            assert!(is_shared(&chunk.view_mut()));
            chunk.done();
        }
    }
}

fn frozen_and_read_only() {
    let array = made(BackendKind::Memfd, (4, 4));
    let before = array.raw_view();
    let frozen = array.into_memfd().unwrap().freeze().unwrap();
    let found = containing(&frozen.view().row(1)).unwrap();
    assert_eq!((found.access, found.offset), (Access::ReadOnly, 16));
    assert_eq!(is_shared(&before), before.as_ptr() == frozen.view().as_ptr());

    for backend in [BackendKind::Shm, BackendKind::Mmap] {
        let array = made(backend, (4, 4));
        let reader = ReadOnlyArray::<u32, Ix2>::attach(array.name().as_str()).unwrap();
        for (view, access) in
            [(reader.raw_view(), Access::ReadOnly), (array.raw_view(), Access::ReadWrite)]
        {
            let found = containing(&view).unwrap();
            assert_eq!((&found.name, found.access), (array.name(), access));
        }
        let pointers = array.raw_view();
        drop(array);
        // On mmap the read-only mapping is a twin, which keeps the first one.
        assert!(!is_shared(&pointers) && is_shared(&reader.raw_view()));
    }
}

fn raw() {
    leaks::none(|| {
        let name = shmarray::names::unique_name("located").unwrap();
        let whole: RawArray<u8, Ix1> = RawArray::create(name.as_str(), 64).unwrap();
        let part: RawArray<i16, Ix2> =
            RawArray::builder((2, 4)).offset(16).attach(name.as_str()).unwrap();
        let shown = part.slice(s![1, ..;-1]).unwrap();
        let found = containing(&shown.raw_view()).unwrap();
        assert_eq!((&found.name, found.backend, found.offset), (&name, BackendKind::Shm, 14));
        assert_eq!((found.dtype.to_string(), found.shape), ("<i2".into(), vec![2, 4]));
        assert_eq!(containing(&whole.raw_view()).unwrap().offset, 0);
        let pointers = part.raw_view();
        drop(part);
        assert!(is_shared(&pointers));
        drop(shown);
        assert!(!is_shared(&pointers) && is_shared(&whole.raw_view()));
        whole.unlink().unwrap();
    });
}

fn gone_with_the_last_handle() {
    leaks::none(|| {
        for backend in BackendKind::ALL {
            let array = made(backend, (3, 3));
            let pointers = array.raw_view();
            let clones = [array.clone(), array.slice(s![1.., ..]).unwrap()];
            drop(array);
            assert!(is_shared(&pointers));
            let [one, other] = clones;
            drop(one);
            assert!(is_shared(&pointers));
            let detached = other.detach();
            assert!(!is_shared(&pointers), "{backend}");
            let again = detached.attach().unwrap();
            assert!(is_shared(&again.raw_view()));
            drop(again);
            assert!(!is_shared(&pointers), "{backend}");
        }
        // Two regions of one anonymous mapping.
        let array = made(BackendKind::Mmap, (3, 3));
        let second = SharedArray::<u32, Ix2>::attach(array.name().as_str()).unwrap();
        let pointers = array.raw_view();
        assert_eq!(pointers.as_ptr(), second.raw_view().as_ptr());
        drop(array);
        assert!(is_shared(&pointers));
        drop(second);
        assert!(!is_shared(&pointers));
    });
}

/// So large an allocation is a mapping of its own, and is given the addresses of one that has gone.
fn used_again() {
    const LEN: usize = 40 << 20;
    let (mut were_shared, mut again) = (Vec::new(), 0);
    for round in 0..60 {
        let backend = BackendKind::ALL[round % 3];
        let array = SharedArray::<u8, _>::builder(LEN).unique("again").backend(backend);
        let array = array.commit(Commit::Lazy).zeros().unwrap();
        assert!(is_shared(&array.raw_view()));
        were_shared.push(array.raw_view().as_ptr().addr());
        drop(array);
        let heap = vec![0_u8; LEN];
        assert!(!is_shared(&heap[..]));
        let start = heap.as_ptr().addr();
        again += usize::from(were_shared.iter().any(|shared| shared.abs_diff(start) < LEN));
    }
    assert!(again > 0, "no address was used again: this has tested nothing");
}

fn a_forked_child() {
    for backend in BackendKind::ALL {
        let array = made(backend, (5, 5));
        let mut inherited = Some(array.clone());
        let child = Child::fork(|| {
            process::die_if_hanging(60);
            let found = containing(&ordinary(&array).row(1)).unwrap();
            assert_eq!((&found.name, found.offset), (array.name(), 20));
            let own = made(backend, (2, 2));
            assert!(is_shared(&ordinary(&own)));
            drop(inherited.take());
            assert!(is_shared(&ordinary(&array)));
            0
        });
        assert!(child.wait().success());
        let pointers = array.raw_view();
        drop(array);
        assert!(is_shared(&pointers));
        drop(inherited);
        assert!(!is_shared(&pointers));
    }
}

fn forks_at_any_instant() {
    let (array, done) = (made(BackendKind::Memfd, (5, 5)), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for backend in [BackendKind::Memfd, BackendKind::Mmap] {
            let (array, done) = (&array, &done);
            scope.spawn(move || {
                while !done.load(Relaxed) {
                    let own = made(backend, (1, 1));
                    assert!(is_shared(&ordinary(&own)) && is_shared(&ordinary(array)));
                }
            });
        }
        for _ in 0..100 {
            let child = Child::fork(|| {
                process::die_if_hanging(60);
                assert!(is_shared(&ordinary(&array)));
                let own = made(BackendKind::Mmap, (2, 2));
                let pointers = own.raw_view();
                assert!(is_shared(&pointers));
                drop(own);
                i32::from(is_shared(&pointers))
            });
            assert!(child.wait().success());
        }
        done.store(true, Relaxed);
    });
}

fn side_by_side() {
    leaks::none(|| {
        let all: Vec<_> = (0..1000).map(|_| made(BackendKind::Mmap, (16, 64))).collect();
        let check = |array: &SharedArray<u32, Ix2>| {
            let found = containing(&ordinary(array).row(15)).unwrap();
            assert_eq!((&found.name, found.offset), (array.name(), 15 * 64 * 4));
        };
        all.iter().for_each(check);
        let pointers: Vec<_> = all.iter().map(SharedArray::raw_view).collect();
        let (kept, gone): (Vec<_>, Vec<_>) =
            all.into_iter().enumerate().partition(|(number, _)| number.is_multiple_of(3));
        drop(gone);
        for (number, pointers) in pointers.iter().enumerate() {
            assert_eq!(is_shared(pointers), number.is_multiple_of(3));
        }
        kept.iter().for_each(|(_, array)| check(array));
    });
}

/// The main thread's stack lies above all mappings: the array below it is looked at, and must not be
/// held.
fn keeps_no_other() {
    let (own, done) = ([1_u32; 4], AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Relaxed) {
                assert!(!is_shared(&own) && containing(&own).is_none());
            }
        });
        let refused = (0..10_000).filter(|_| {
            let array = made(BackendKind::Memfd, (64, 64)).into_memfd().unwrap();
            array.freeze().is_err()
        });
        let refused = refused.count();
        done.store(true, Relaxed);
        assert_eq!(refused, 0, "arrays were mapped after the drop of their last handle");
    });
}
