//! Guards, claims, barriers and progress among the threads of one process. Also the tests that
//! ThreadSanitizer watches (`cargo xtask tsan`): it sees one process, and the threads of these share
//! one mapping.

#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test, or is to panic

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use shm_conformance::process;
use shmarray::Error;
use shmarray::prelude::*;

fn main() {
    process::main(
        &[],
        &[
            (
                "writers_are_alone_and_readers_see_whole_arrays",
                writers_are_alone_and_readers_see_whole_arrays,
            ),
            ("each_chunk_is_done_once_in_each_pass", each_chunk_is_done_once_in_each_pass),
            ("a_chunk_that_is_dropped_comes_again", a_chunk_that_is_dropped_comes_again),
            ("a_pass_that_does_not_fit_is_refused", a_pass_that_does_not_fit_is_refused),
            (
                "readers_writers_and_chunks_exclude_each_other",
                readers_writers_and_chunks_exclude_each_other,
            ),
            (
                "a_panic_leaves_poisoned_data_and_hands_chunks_out_again",
                a_panic_leaves_poisoned_data_and_hands_chunks_out_again,
            ),
            ("phases_are_in_step", phases_are_in_step),
            (
                "a_barrier_breaks_if_one_leaves_or_gives_up",
                a_barrier_breaks_if_one_leaves_or_gives_up,
            ),
            ("watchers_are_woken", watchers_are_woken),
            ("a_flag_is_waited_for_by_its_value", a_flag_is_waited_for_by_its_value),
            ("a_round_is_waited_for", a_round_is_waited_for),
            ("whoever_locks_is_listed", whoever_locks_is_listed),
            ("views_are_found_while_arrays_come_and_go", views_are_found),
        ],
    );
}

const LONG: Duration = Duration::from_secs(60);

/// The backends that this build has.
fn backends() -> Vec<BackendKind> {
    let compiled = |kind: &BackendKind| match kind {
        BackendKind::Shm => cfg!(feature = "shm"),
        BackendKind::Mmap => cfg!(feature = "mmap"),
        _ => cfg!(feature = "memfd"),
    };
    BackendKind::ALL.into_iter().filter(compiled).collect()
}

fn guarded(backend: BackendKind, shape: (usize, usize)) -> GuardedArray<u64, Ix2> {
    GuardedArray::builder(shape).unique("together").backend(backend).zeros().unwrap()
}

/// Runs `work` in so many threads, each with its number. Each is joined by `pthread_join`, which
/// ThreadSanitizer knows; the end of a scope it does not.
fn threads(count: usize, work: impl Fn(usize) + Sync) {
    let work = &work;
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..count).map(|number| scope.spawn(move || work(number))).collect();
        for thread in all {
            thread.join().unwrap();
        }
    });
}

fn kind(error: &Error) -> String {
    format!("{:?}", error.kind())
}

fn writers_are_alone_and_readers_see_whole_arrays() {
    for backend in backends() {
        let array = guarded(backend, (4, 16));
        threads(4, |number| {
            for _ in 0..500 {
                if number % 2 == 0 {
                    let mut guard = array.write().unwrap();
                    for element in guard.iter_mut() {
                        *element += 1;
                    }
                } else {
                    let guard = array.read().unwrap();
                    assert!(guard.iter().all(|element| *element == guard[[0, 0]]));
                }
            }
        });
        assert!(array.read().unwrap().iter().all(|element| *element == 1000));
    }
}

fn each_chunk_is_done_once_in_each_pass() {
    for backend in backends() {
        let array = guarded(backend, (61, 5));
        threads(4, |_| {
            for round in 0..20 {
                // Divided along another axis every other time.
                let (axis, rows) = if round % 2 == 0 { (Axis(0), 3) } else { (Axis(1), 2) };
                for chunk in array.chunks_of_round(round, axis, rows).unwrap() {
                    let mut chunk = chunk.unwrap();
                    assert!(!chunk.is_retry());
                    assert_eq!(chunk.len_of(axis), chunk.range().len());
                    chunk.mapv_inplace(|element| element + 1);
                    chunk.done();
                }
            }
        });
        assert!(array.read().unwrap().iter().all(|element| *element == 20));
        // All passes are over, for latecomers too.
        assert_eq!(array.chunks(3).unwrap().count(), 0);
        assert_eq!(array.chunks_of_round(19, Axis(1), 2).unwrap().count(), 0);
    }
}

fn a_chunk_that_is_dropped_comes_again() {
    let array = guarded(backends()[0], (10, 2));
    let mut chunks = array.chunks(4).unwrap();
    let first = chunks.next().unwrap().unwrap();
    assert_eq!((first.index(), first.range(), first.is_retry()), (0, 0..4, false));
    // One thread may hold several.
    let second = chunks.next().unwrap().unwrap();
    assert_eq!(second.range(), 4..8);
    drop(first);
    let third = chunks.next().unwrap().unwrap();
    assert_eq!(third.range(), 8..10);
    let again = chunks.next().unwrap().unwrap();
    assert_eq!((again.index(), again.is_retry()), (0, true));
    let progress = chunks.progress().unwrap();
    assert_eq!((progress.done, progress.held, progress.chunks), (0, 3, 3));
    let nothing = array.chunks(4).unwrap().within(Duration::from_millis(10)).next().unwrap();
    assert!(kind(&nothing.unwrap_err()).starts_with("TimedOut"));
    for chunk in [second, third, again] {
        chunk.done();
    }
    assert_eq!(chunks.wait_past(2, Timeout::After(LONG)).unwrap().done, 3);
    assert!(chunks.next().is_none());
}

fn a_pass_that_does_not_fit_is_refused() {
    let array = guarded(backends()[0], (10, 2));
    let refused = |number, axis, rows| {
        let chunks = array.chunks_of_round(number, Axis(axis), rows);
        chunks.map(drop).unwrap_err().to_string()
    };
    assert!(refused(0, 0, 0).contains("0 rows"));
    assert!(refused(0, 2, 1).contains("no axis 2 in 2 dimensions"));
    let mut chunks = array.chunks(5).unwrap();
    let held = chunks.next().unwrap().unwrap();
    assert!(refused(0, 0, 4).contains("axis 0 in round 0 into chunks of 5 rows, not axis 0 in"));
    assert!(refused(1, 0, 5).contains("0 of 2 chunks of round 0"));
    assert!(refused(2, 0, 5).contains("round 2 cannot begin: the next is 1"));
    assert!(refused(u32::MAX, 0, 5).contains("4294967295"));
    held.done();
    chunks.next().unwrap().unwrap().done();
    array.chunks_of_round(1, Axis(0), 100).unwrap().next().unwrap().unwrap().done();
    let part = array.slice(s![..4, ..]).unwrap();
    let error = part.chunks(2).map(drop).unwrap_err().to_string();
    assert!(error.contains("[10, 2]") && error.contains("[4, 2]"), "{error}");
    // Nothing to do is done.
    assert_eq!(guarded(backends()[0], (0, 2)).chunks(1).unwrap().count(), 0);
}

fn readers_writers_and_chunks_exclude_each_other() {
    let array = guarded(backends()[0], (10, 2));
    let is_timed_out = |error: Error| assert!(kind(&error).starts_with("TimedOut"), "{error}");
    let chunk = array.chunks(5).unwrap().next().unwrap().unwrap();
    is_timed_out(array.try_read().map(drop).unwrap_err());
    is_timed_out(array.try_write().map(drop).unwrap_err());
    drop(chunk);
    let read = array.read().unwrap();
    let more = array.try_read().unwrap();
    is_timed_out(array.try_write().map(drop).unwrap_err());
    let claim = array.chunks(5).unwrap().within(Duration::from_millis(5)).next().unwrap();
    is_timed_out(claim.map(drop).unwrap_err());
    drop((read, more));
    let write = array.write().unwrap();
    is_timed_out(array.read_within(Duration::from_millis(5)).map(drop).unwrap_err());
    let error = array.write_within(Duration::from_millis(5)).map(drop).unwrap_err();
    assert!(error.to_string().contains("slot 0, generation 1"), "{error}");
    drop(write);
    drop(array.try_write().unwrap());
}

fn a_panic_leaves_poisoned_data_and_hands_chunks_out_again() {
    let array = guarded(backends()[0], (4, 2));
    let panics = |work: &dyn Fn()| {
        assert!(std::panic::catch_unwind(AssertUnwindSafe(work)).is_err());
    };
    panics(&|| {
        let _read = array.read().unwrap();
        panic!("while reading: nothing is poisoned");
    });
    assert!(!array.is_poisoned());
    panics(&|| {
        let _chunk = array.chunks(2).unwrap().next().unwrap().unwrap();
        panic!("with a chunk");
    });
    assert!(!array.is_poisoned());
    assert!(array.chunks(2).unwrap().any(|chunk| chunk.unwrap().is_retry()));
    panics(&|| {
        let _write = array.write().unwrap();
        panic!("while writing");
    });
    assert!(array.is_poisoned());
    assert!(kind(&array.read().map(drop).unwrap_err()).starts_with("Poisoned"));
    assert!(kind(&array.try_write().map(drop).unwrap_err()).starts_with("Poisoned"));
    assert!(array.read_poisoned(Timeout::NoWait).unwrap().is_poisoned());
    let mut guard = array.write_poisoned(Timeout::NoWait).unwrap();
    guard.set_poisoned(false);
    drop(guard);
    assert!(array.read().is_ok());
}

fn phases_are_in_step() {
    for backend in backends() {
        let array: SharedArray<u64, Ix1> =
            SharedArray::builder(3).unique("phases").backend(backend).zeros().unwrap();
        let last = AtomicU32::new(0);
        threads(3, |number| {
            let mut barrier = array.barrier(3).unwrap();
            for phase in 0..200 {
                array.set(number, phase + 1).unwrap();
                last.fetch_add(barrier.wait().unwrap().into(), Relaxed);
                for other in 0..3 {
                    assert_eq!(array.get(other), Some(phase + 1));
                }
                barrier.wait_within(LONG).unwrap();
            }
        });
        assert_eq!(last.into_inner(), 200, "one of them came last, in each phase");
    }
}

fn a_barrier_breaks_if_one_leaves_or_gives_up() {
    let array: SharedArray<u8, Ix1> = SharedArray::builder(1).unique("barrier").zeros().unwrap();
    let other_size = |size| array.barrier(size).map(drop).unwrap_err().to_string();
    assert!(other_size(0).contains("0 participants; there can be 1 to 128"));
    assert!(other_size(129).contains("129 participants"));
    let (mut stays, leaves) = (array.barrier(2).unwrap(), array.barrier(2).unwrap());
    assert!(other_size(3).contains("3 participants, others use it for 2"));
    assert!(other_size(2).contains("all 2 seats are taken"));
    drop(leaves);
    let error = stays.wait().unwrap_err();
    assert!(error.to_string().contains("slot 0 left"), "{error}");
    assert!(stays.wait().unwrap_err().to_string().contains("slot 0 left"), "for good");
    drop(stays);

    let (mut impatient, mut other) = (array.barrier(2).unwrap(), array.barrier(2).unwrap());
    let error = impatient.wait_within(Duration::from_millis(5)).unwrap_err();
    assert!(kind(&error).starts_with("TimedOut"), "{error}");
    assert!(other.wait().unwrap_err().to_string().contains("slot 0 gave up waiting"));
    drop((impatient, other));
    assert!(array.barrier(1).unwrap().wait().unwrap(), "alone it comes last");
}

fn watchers_are_woken() {
    for backend in backends() {
        let tiles: SharedArray<u32, Ix1> =
            SharedArray::builder(100).unique("flags").backend(backend).zeros().unwrap();
        std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let flags = tiles.flags();
                let mut changes = 0;
                while changes < 100 {
                    changes = flags.wait_past(changes, Timeout::After(LONG)).unwrap();
                    // What was counted is to be seen.
                    let set = (0..100).filter(|tile| flags.get(*tile) == Some(7)).count();
                    assert!(set as u64 >= changes, "{set} flags of {changes}");
                }
            });
            for tile in 0..100 {
                tiles.flags().set(tile, 7).unwrap();
            }
            watcher.join().unwrap();
        });
        assert!(tiles.flags().set(100, 1).unwrap_err().to_string().contains("flag [100]"));
        let (progress, soon) = (tiles.progress(), Duration::from_millis(5));
        assert_eq!(progress.add(5), 100);
        assert!(
            kind(&progress.wait_past(105, Timeout::After(soon)).unwrap_err())
                .starts_with("TimedOut")
        );
    }
}

fn whoever_locks_is_listed() {
    for backend in backends() {
        let array = guarded(backend, (2, 2));
        assert_eq!(array.participants().unwrap(), []);
        drop(array.read().unwrap());
        drop(array.clone().write().unwrap());
        let all = array.participants().unwrap();
        let [me] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!((me.slot, me.generation, me.pid), (0, 1, std::process::id()));
        assert!(me.alive && me.is_me && me.since.elapsed().unwrap() < LONG);
        let others = array.has_others().unwrap();
        assert_eq!(others, (backend != BackendKind::Mmap).then_some(false));
        if backend != BackendKind::Shm {
            continue;
        }
        // A second attachment is somebody else.
        let second: GuardedArray<u64, Ix2> = GuardedArray::attach(array.name().as_str()).unwrap();
        assert_eq!(array.has_others().unwrap(), Some(true));
        let write = second.write().unwrap();
        assert!(array.try_read().is_err());
        let slots: Vec<_> =
            array.participants().unwrap().iter().map(|p| (p.slot, p.is_me)).collect();
        assert_eq!(slots, [(0, true), (1, false)]);
        drop(write);
        drop(second);
        let all = array.participants().unwrap();
        assert_eq!(all.iter().map(|p| p.alive).collect::<Vec<_>>(), [true, false]);
        assert_eq!(array.has_others().unwrap(), Some(false));
        // Who may only read can ask.
        let reader = ErasedArray::attach_read_only(array.name().as_str()).unwrap();
        assert_eq!(reader.participants().unwrap().len(), 2);
    }
}

fn views_are_found() {
    for backend in backends() {
        let array = guarded(backend, (4, 4));
        std::thread::scope(|scope| {
            for rows in 1..=3 {
                let array = &array;
                let part = array.slice(s![..rows, ..]).unwrap();
                scope.spawn(move || {
                    for _ in 0..200 {
                        let own = guarded(backend, (rows, 2));
                        let pointers = own.raw_view();
                        let found = shmarray::memory::containing(&pointers).unwrap();
                        assert_eq!((&found.name, found.shape), (own.name(), vec![rows, 2]));
                        let again = part.clone().detach().attach().unwrap();
                        drop(own);
                        let found = shmarray::memory::containing(&again.raw_view()).unwrap();
                        assert_eq!((&found.name, found.offset), (array.name(), 0));
                        assert!(shmarray::memory::is_shared(&array.raw_view()));
                    }
                });
            }
        });
    }
}

fn a_flag_is_waited_for_by_its_value() {
    for backend in backends() {
        let builder = SharedArray::<u32, _>::builder(3).unique("flags").backend(backend);
        let array = builder.zeros().unwrap();
        let flags = array.flags();
        assert!(kind(&flags.wait_until(1, 2, Duration::ZERO).unwrap_err()).starts_with("TimedOut"));
        let outside = flags.wait_until(3, 0, LONG).unwrap_err();
        assert!(kind(&outside).starts_with("OutOfBounds"));
        let outside = flags.compare_exchange(3, 0, 1).unwrap_err();
        assert!(kind(&outside).starts_with("OutOfBounds"));
        let before = flags.changes();
        assert_eq!(flags.compare_exchange(1, 5, 6).unwrap(), Err(0));
        assert_eq!(flags.changes(), before, "nothing was changed");
        threads(4, |number| {
            if number == 0 {
                flags.wait_until(1, 3, LONG).unwrap();
                return;
            }
            // One after the other, whichever thread is when.
            let step = u32::try_from(number).unwrap();
            flags.wait_until(1, step - 1, LONG).unwrap();
            assert_eq!(flags.compare_exchange(1, step - 1, step).unwrap(), Ok(step - 1));
        });
        assert_eq!((flags.get(1), flags.changes()), (Some(3), before + 3));
    }
}

fn a_round_is_waited_for() {
    for backend in backends() {
        let array = guarded(backend, (8, 2));
        let early = array.chunks_of_next_round(1, Axis(0), 4, Duration::from_millis(5));
        let error = early.map(drop).unwrap_err();
        assert!(error.to_string().contains("before round 1 are not done"), "{error}");
        threads(2, |number| {
            let first = u32::try_from(number).unwrap();
            // Thread 1 comes for the later rounds while thread 0 does the earlier ones.
            for round in [first, first + 2] {
                let chunks = array.chunks_of_next_round(round, Axis(0), 2, LONG).unwrap();
                for chunk in chunks {
                    let mut chunk = chunk.unwrap();
                    assert!(chunk.iter().all(|element| *element == u64::from(round)));
                    chunk.fill(u64::from(round) + 1);
                    chunk.done();
                }
            }
        });
        assert!(array.read().unwrap().iter().all(|element| *element == 4));
        let over = array.chunks_of_next_round(0, Axis(0), 2, Timeout::NoWait).unwrap();
        assert_eq!(over.count(), 0);
    }
}
