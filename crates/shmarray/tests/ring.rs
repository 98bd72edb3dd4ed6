//! Rings: items flow through frames from stage to stage, whoever is killed meanwhile.

#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test, or is to panic

use std::ops::ControlFlow;
use std::time::Duration;

use shm_conformance::process::{self, Child};
use shmarray::prelude::*;
use shmarray::sync::{Frame, Ring};
use shmarray::{Error, Wait};

fn main() {
    process::main(
        &[],
        &[
            ("items_flow_through_stages_in_order", items_flow_through_stages_in_order),
            ("many_threads_share_each_stage", many_threads_share_each_stage),
            ("frames_that_are_dropped_come_again", frames_that_are_dropped_come_again),
            ("waits_end_by_time_and_by_hook", waits_end_by_time_and_by_hook),
            ("what_does_not_fit_is_refused", what_does_not_fit_is_refused),
            ("guards_and_frames_exclude_each_other", guards_and_frames_exclude_each_other),
            ("an_item_of_a_killed_worker_comes_again", an_item_of_a_killed_worker_comes_again),
            ("a_killed_producer_loses_no_number", a_killed_producer_loses_no_number),
            ("an_item_that_nobody_fills_is_told", an_item_that_nobody_fills_is_told),
            ("a_killed_collector_is_replaced", a_killed_collector_is_replaced),
            ("who_waits_for_the_dead_is_told", who_waits_for_the_dead_is_told),
            ("a_child_does_not_hold_its_parents_frame", a_child_does_not_hold_its_parents_frame),
            ("killed_at_random_nothing_is_lost", killed_at_random_nothing_is_lost),
        ],
    );
}

const LONG: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_millis(30);

/// The backends that this build has.
fn backends() -> Vec<BackendKind> {
    let compiled = |kind: &BackendKind| match kind {
        BackendKind::Shm => cfg!(feature = "shm"),
        BackendKind::Mmap => cfg!(feature = "mmap"),
        _ => cfg!(feature = "memfd"),
    };
    BackendKind::ALL.into_iter().filter(compiled).collect()
}

type Array = GuardedArray<u64, Ix2>;

fn array(backend: BackendKind, frames: usize) -> Array {
    Array::builder((frames, 16)).unique("ring").backend(backend).zeros().unwrap()
}

fn kind<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    let text = format!("{:?}", result.unwrap_err().kind());
    text.split([' ', '(']).next().unwrap().into()
}

fn produce(ring: &Ring<u64, Ix2>) -> u64 {
    let mut frame = ring.produce(LONG).unwrap().unwrap();
    let number = frame.number();
    frame.fill(number);
    frame.done();
    number
}

/// Adds 1000 to an item, as a stage between.
fn work(mut frame: Frame<u64, Ix1>) {
    let number = frame.number();
    frame.fill(number + 1000); // also after a retry
    frame.done();
}

fn collect(ring: &Ring<u64, Ix2>) -> u64 {
    let frame = ring.collect(LONG).unwrap().unwrap();
    let number = frame.number();
    assert!(frame.iter().all(|element| *element == number + 1000), "{frame:?}");
    frame.done();
    number
}

fn items_flow_through_stages_in_order() {
    for backend in backends() {
        let array = array(backend, 3);
        let worker = Child::fork(|| {
            let ring = array.ring(3).unwrap();
            while let Some(frame) = ring.claim(LONG).unwrap() {
                assert!(!frame.is_retry());
                work(frame);
            }
            0
        });
        let collector = Child::fork(|| {
            let ring = array.ring(3).unwrap();
            for expected in 0..200 {
                assert_eq!(collect(&ring), expected);
            }
            assert!(ring.collect(LONG).unwrap().is_none());
            0
        });
        let ring = array.ring(3).unwrap();
        for expected in 0..200 {
            assert_eq!(produce(&ring), expected);
        }
        ring.close();
        assert!(ring.produce(LONG).unwrap().is_none());
        assert!(worker.wait().success());
        assert!(collector.wait().success());
        assert_eq!(ring.begun(), 200);
    }
}

fn many_threads_share_each_stage() {
    for backend in backends() {
        let array = array(backend, 5);
        let ring = array.ring(3).unwrap();
        std::thread::scope(|scope| {
            let producers: Vec<_> =
                (0..2).map(|_| scope.spawn(|| (0..150).for_each(|_| _ = produce(&ring)))).collect();
            for _ in 0..3 {
                scope.spawn(|| {
                    while let Some(frame) = ring.claim(LONG).unwrap() {
                        work(frame);
                    }
                });
            }
            let collector = scope.spawn(|| {
                for expected in 0..300 {
                    assert_eq!(collect(&ring), expected);
                }
                assert!(ring.collect(LONG).unwrap().is_none());
            });
            for producer in producers {
                producer.join().unwrap();
            }
            ring.close();
            collector.join().unwrap();
        });
    }
}

fn frames_that_are_dropped_come_again() {
    for backend in backends() {
        let ring = array(backend, 2).ring(2).unwrap();
        drop(ring.produce(LONG).unwrap());
        let frame = ring.produce(LONG).unwrap().unwrap();
        assert!(frame.is_retry() && frame.number() == 0);
        frame.done();
        let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _frame = ring.claim(LONG);
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(panics.is_err());
        let frame = ring.claim(LONG).unwrap().unwrap();
        assert!(frame.is_retry());
        frame.done();
        assert_eq!(produce(&ring), 1);
        let frame = ring.claim(LONG).unwrap().unwrap();
        assert!(!frame.is_retry(), "the next item in a frame is no retry");
    }
}

fn waits_end_by_time_and_by_hook() {
    for backend in backends() {
        let ring = array(backend, 1).ring(2).unwrap();
        assert_eq!(kind(ring.claim(Timeout::NoWait)), "TimedOut");
        assert_eq!(kind(ring.collect(SOON)), "TimedOut");
        produce(&ring);
        let error = ring.produce(SOON).unwrap_err();
        assert!(error.to_string().contains("stage 1 must go on first"), "{error}");
        let mut calls = 0;
        let mut hook = || {
            calls += 1;
            if calls == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        assert_eq!(kind(ring.produce(Wait::with_hook(LONG, &mut hook))), "Interrupted");
        assert_eq!(calls, 3);
    }
}

fn what_does_not_fit_is_refused() {
    for backend in backends() {
        assert_eq!(kind(array(backend, 49).ring(2)), "InvalidRing");
        assert_eq!(kind(array(backend, 0).ring(2)), "InvalidRing");
        let array_of_chunks = array(backend, 4);
        assert_eq!(array_of_chunks.chunks(1).unwrap().count_done(), 4);
        assert_eq!(kind(array_of_chunks.ring(2)), "InvalidRing");

        let array = array(backend, 48);
        for stages in [0, 1, 9] {
            assert_eq!(kind(array.ring(stages)), "InvalidRing");
        }
        let ring = array.ring(8).unwrap();
        assert_eq!(kind(array.ring(3)), "InvalidRing");
        assert_eq!(kind(array.chunks(1)), "InvalidRound");
        assert_eq!(kind(array.slice(s![..2, ..]).unwrap().ring(8)), "NotWhole");
        for stage in [0, 8] {
            assert_eq!(kind(ring.claim_at(stage, SOON)), "InvalidRing");
        }
        // 48 frames, 8 stages, more than one lap.
        for number in 0..100 {
            assert_eq!(produce(&ring), number);
            for stage in 1..8 {
                let frame = ring.claim_at(stage, LONG).unwrap().unwrap();
                assert_eq!((frame.number(), frame.index() as u64), (number, number % 48));
                frame.done();
            }
        }
    }
}

trait CountDone {
    fn count_done(self) -> usize;
}

impl CountDone for shmarray::sync::Chunks<'_, u64, Ix2> {
    fn count_done(self) -> usize {
        self.map(|chunk| chunk.unwrap().done()).count()
    }
}

fn guards_and_frames_exclude_each_other() {
    for backend in backends() {
        let array = array(backend, 2);
        let ring = array.ring(2).unwrap();
        let frame = ring.produce(LONG).unwrap().unwrap();
        assert_eq!(kind(array.try_read().map(drop)), "TimedOut");
        assert_eq!(kind(array.try_write().map(drop)), "TimedOut");
        frame.done();
        let guard = array.read().unwrap();
        assert_eq!(kind(ring.claim(SOON)), "TimedOut");
        drop(guard);
        ring.claim(SOON).unwrap().unwrap().done();
    }
}

fn an_item_of_a_killed_worker_comes_again() {
    for backend in backends() {
        let array = array(backend, 2);
        let ring = array.ring(2).unwrap();
        produce(&ring);
        let worker = Child::idle(|| {
            let mut frame = array.ring(2).unwrap().claim(LONG).unwrap().unwrap();
            frame.fill(666);
            std::mem::forget(frame);
        });
        assert_eq!(kind(ring.claim(SOON)), "TimedOut", "it lives");
        drop(worker); // by SIGKILL
        let frame = ring.claim(LONG).unwrap().unwrap();
        assert!(frame.is_retry());
        assert_eq!((frame.number(), frame[0]), (0, 666));
        frame.done();
    }
}

fn a_killed_producer_loses_no_number() {
    for backend in backends() {
        let array = array(backend, 2);
        let ring = array.ring(2).unwrap();
        drop(Child::idle(|| {
            std::mem::forget(array.ring(2).unwrap().produce(LONG).unwrap());
        }));
        assert_eq!(produce(&ring), 1);
        // The ring is full: the item of the dead is found.
        let frame = ring.produce(LONG).unwrap().unwrap();
        assert_eq!((frame.number(), frame.is_retry()), (0, true));
        frame.done();
        for number in 0..2 {
            let frame = ring.collect(LONG).unwrap().unwrap();
            assert_eq!(frame.number(), number);
            frame.done();
        }
    }
}

fn an_item_that_nobody_fills_is_told() {
    for backend in backends() {
        let array = array(backend, 3);
        let ring = array.ring(2).unwrap();
        drop(Child::idle(|| {
            std::mem::forget(array.ring(2).unwrap().produce(LONG).unwrap());
        }));
        assert_eq!(produce(&ring), 1);
        ring.close();
        let error = ring.collect(LONG).unwrap_err();
        assert!(error.to_string().contains("nobody has filled item 0"), "{error}");
        let frame = ring.collect(LONG).unwrap().unwrap();
        assert_eq!(frame.number(), 1);
        frame.done();
        assert!(ring.collect(LONG).unwrap().is_none());
    }
}

fn a_killed_collector_is_replaced() {
    for backend in backends() {
        let array = array(backend, 2);
        let ring = array.ring(2).unwrap();
        produce(&ring);
        produce(&ring);
        drop(Child::idle(|| {
            let ring = array.ring(2).unwrap();
            ring.collect(LONG).unwrap().unwrap().done();
            std::mem::forget(ring.collect(LONG).unwrap());
        }));
        let frame = ring.collect(LONG).unwrap().unwrap();
        assert_eq!((frame.number(), frame.is_retry()), (1, true));
        frame.done();
    }
}

fn who_waits_for_the_dead_is_told() {
    for backend in backends() {
        let array = array(backend, 1);
        let ring = array.ring(2).unwrap();
        assert_eq!(kind(ring.claim(SOON)), "TimedOut", "nobody has come yet");
        let producer = Child::idle(|| assert_eq!(produce(&array.ring(2).unwrap()), 0));
        ring.claim(LONG).unwrap().unwrap().done();
        assert_eq!(kind(ring.claim(SOON)), "TimedOut", "the producer lives");
        drop(producer);
        let error = ring.claim(LONG).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NobodyLeft { .. }), "{error}");
        assert!(error.to_string().contains("stage 0"), "{error}");
        // A producer whose workers are dead, where this process has never been one.
        let again = self::array(backend, 1);
        let ring = again.ring(2).unwrap();
        produce(&ring);
        drop(Child::idle(|| drop(again.ring(2).unwrap().claim(LONG).unwrap())));
        let error = ring.produce(LONG).unwrap_err();
        assert!(error.to_string().contains("stage 1"), "{error}");
        // Another one comes, and all goes on.
        let worker = Child::fork(|| {
            again.ring(2).unwrap().claim(LONG).unwrap().unwrap().done();
            0
        });
        assert!(worker.wait().success());
        assert_eq!(produce(&ring), 1);
    }
}

fn a_child_does_not_hold_its_parents_frame() {
    for backend in backends() {
        let array = array(backend, 2);
        let ring = array.ring(2).unwrap();
        let frame = ring.produce(LONG).unwrap().unwrap();
        let mut frame = Some(frame);
        process::in_a_child(|| frame.take().unwrap().done());
        assert_eq!(kind(ring.claim(SOON)), "TimedOut", "the child has filled it");
        frame.take().unwrap().done();
        assert_eq!(ring.claim(SOON).unwrap().unwrap().number(), 0);
    }
}

const ITEMS: u64 = 1500;

/// The loop of a process at one stage. It says in `seen` what it collected.
fn play(array: &Array, stage: u32, seen: &SharedArray<u32, Ix1>) {
    let ring = array.ring(3).unwrap();
    loop {
        let next = match stage {
            0 if ring.begun() >= ITEMS => Ok(None),
            0 => ring.produce(LONG),
            1 => ring.claim(LONG),
            _ => ring.collect(LONG),
        };
        let mut frame = match next {
            Ok(Some(frame)) => frame,
            Ok(None) => return,
            // All at a stage are dead at once, until they are replaced.
            Err(error) if matches!(error.kind(), ErrorKind::NobodyLeft { .. }) => continue,
            Err(error) => panic!("{error}"),
        };
        let number = frame.number();
        (0..500).for_each(|_| std::hint::spin_loop()); // most victims hold one
        match stage {
            0 => frame.fill(number),
            1 => {
                let retry = frame.is_retry();
                assert!(retry || frame.iter().all(|element| *element == number), "{frame:?}");
                frame.fill(number + 1000);
            }
            _ => {
                assert!(frame.iter().all(|element| *element == number + 1000), "{frame:?}");
                let index = usize::try_from(number).unwrap();
                let before = index.checked_sub(1).and_then(|before| seen.get(before));
                assert!(before.is_none_or(|count| count > 0), "item {number} came too early");
                if index < seen.len() {
                    seen.set(index, seen.get(index).unwrap() + 1).unwrap();
                }
            }
        }
        frame.done();
    }
}

/// Producers, workers and collectors are killed where they happen to be, and replaced.
fn killed_at_random_nothing_is_lost() {
    for backend in backends() {
        let array = array(backend, 4);
        let seen: SharedArray<u32, Ix1> =
            SharedArray::builder(usize::try_from(ITEMS).unwrap() + 100)
                .unique("seen")
                .backend(BackendKind::Mmap)
                .zeros()
                .unwrap();
        let start = |stage| {
            Child::fork(|| {
                play(&array, stage, &seen);
                0
            })
        };
        let mut children: Vec<_> =
            [0, 0, 1, 1, 1, 2, 2].map(|stage| (stage, start(stage))).into_iter().collect();
        let ring = array.ring(3).unwrap();
        let mut victim = 0;
        for begun in (0..ITEMS).step_by(30) {
            while ring.begun() < begun {
                std::thread::yield_now();
            }
            victim = (victim + 3) % children.len();
            let (stage, child) = children.remove(victim);
            drop(child); // by SIGKILL
            children.push((stage, start(stage)));
        }
        let (producers, others): (Vec<_>, Vec<_>) =
            children.into_iter().partition(|(stage, _)| *stage == 0);
        for (_, child) in producers {
            assert!(child.wait().success());
        }
        // Two laps later, whatever a dead producer began has been filled.
        while produce(&ring) < ITEMS + 8 {}
        ring.close();
        for (_, child) in others {
            assert!(child.wait().success());
        }
        let counts = seen.to_owned_array();
        let begun = usize::try_from(ring.begun()).unwrap();
        assert!(counts.iter().take(begun).all(|count| *count > 0), "{counts:?}");
    }
}
