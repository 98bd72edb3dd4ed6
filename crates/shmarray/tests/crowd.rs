//! More processes than the slots that an array has by default: each reads, claims and waits at a barrier.

#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use std::time::Duration;

use shm_conformance::process::{self, Child, HANGS};
use shmarray::prelude::*;

fn main() {
    process::main(
        &[],
        &[
            ("three_hundred_processes_share_an_array", crowd),
            ("a_number_of_slots_that_cannot_be_is_refused", refused),
            ("each_array_has_the_slots_that_were_asked_for", exact),
        ],
    );
}

const PROCESSES: u32 = 300;
const CHUNKS: usize = 2000;
/// Of ten processes, one is killed as a reader, and one with a chunk.
const KINDS: u32 = 10;

/// What the processes are told, and how many have come so far.
struct Stage {
    array: GuardedArray<u64, Ix1>,
    step: SharedArray<u8, Ix1>,
    ready: SharedArray<u8, Ix1>,
}

impl Stage {
    fn new(backend: BackendKind) -> Self {
        let array = GuardedArray::builder(CHUNKS).unique("crowd").backend(backend).slots(512);
        let counter = || SharedArray::builder(1).unique("step").backend(BackendKind::Mmap).zeros();
        let (array, step, ready) = (array.zeros(), counter(), counter());
        Self { array: array.unwrap(), step: step.unwrap(), ready: ready.unwrap() }
    }

    fn wait_for(counter: &SharedArray<u8, Ix1>, count: u32) {
        let progress = counter.progress();
        while progress.get() < count.into() {
            progress.wait_past(progress.get(), HANGS).unwrap();
        }
    }

    fn ready(&self) {
        self.ready.progress().add(1);
    }

    /// A process of that number, to its end or until it is killed.
    fn play(&self, number: u32) -> i32 {
        let guard = self.array.read().unwrap();
        self.ready();
        Self::wait_for(&self.step, 1);
        drop(guard);
        let mut chunk = None;
        if number % KINDS == 5 {
            chunk = self.array.chunks(1).unwrap().claim().unwrap();
            chunk.as_mut().unwrap()[0] = u64::MAX;
            self.ready();
        }
        Self::wait_for(&self.step, if chunk.is_some() { u32::MAX } else { 2 });
        for chunk in self.array.chunks(1).unwrap() {
            let mut chunk = chunk.unwrap();
            chunk[0] = u64::from(chunk.index()) + 1;
            chunk.done();
        }
        self.ready();
        let mut barrier = self.array.barrier(SURVIVORS + 1).unwrap();
        barrier.wait_within(HANGS).unwrap();
        if number == LAST {
            let mut guard = self.array.write().unwrap();
            guard[0] = u64::MAX;
            self.ready();
            Self::wait_for(&self.step, u32::MAX);
        }
        Self::wait_for(&self.step, 3);
        0
    }
}

const SURVIVORS: u32 = PROCESSES - 2 * PROCESSES / KINDS;
const LAST: u32 = PROCESSES - 1;

fn crowd() {
    for backend in [BackendKind::Shm, BackendKind::Memfd, BackendKind::Mmap] {
        let stage = Stage::new(backend);
        let mut children = Vec::new();
        for number in 0..PROCESSES {
            if number == LAST {
                Stage::wait_for(&stage.ready, LAST); // it gets the last slot
            }
            children.push((number, Child::fork(|| stage.play(number))));
        }
        Stage::wait_for(&stage.ready, PROCESSES);
        let alive = || {
            let all = stage.array.participants().unwrap();
            all.into_iter().filter(|one| one.alive && !one.is_me).map(|one| one.slot)
        };
        assert!(alive().eq(0..PROCESSES), "all read at once");

        let (readers, rest): (Vec<_>, Vec<_>) =
            children.into_iter().partition(|(number, _)| number % KINDS == 0);
        drop(readers); // killed
        assert_eq!(alive().count(), (PROCESSES - PROCESSES / KINDS) as usize);
        stage.step.progress().add(1);
        Stage::wait_for(&stage.ready, PROCESSES + PROCESSES / KINDS);
        let (holders, rest): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|(number, _)| number % KINDS == 5);
        let progress = stage.array.chunks(1).unwrap().progress().unwrap();
        assert_eq!(progress.held as usize, holders.len());
        stage.step.progress().add(1);
        drop(holders); // killed
        Stage::wait_for(&stage.ready, PROCESSES + PROCESSES / KINDS + SURVIVORS);
        let right = |(at, value): (usize, &u64)| *value == at as u64 + 1;
        assert!(stage.array.read().unwrap().iter().enumerate().all(right));
        let last = stage.array.barrier(SURVIVORS + 1).unwrap().wait_within(HANGS);
        last.unwrap();

        // The owner of the last slot dies as a writer.
        Stage::wait_for(&stage.ready, PROCESSES + PROCESSES / KINDS + SURVIVORS + 1);
        let error = stage.array.read_within(Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("slot 299"), "{error}");
        let (last, rest): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|(number, _)| *number == LAST);
        drop(last); // killed
        let error = stage.array.read().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Poisoned { .. }), "{error}");
        stage.step.progress().add(1);
        for (number, child) in rest {
            assert!(child.wait().success(), "{number}");
        }
    }
}

fn refused() {
    for slots in [0, 1025, u32::MAX] {
        let array = SharedArray::<u8, _>::builder(1).unique("refused").slots(slots).zeros();
        let error = array.unwrap_err();
        let ErrorKind::InvalidSlots { slots: found, most: 1024 } = error.kind() else {
            panic!("{error}");
        };
        assert_eq!(*found, slots);
        let erased = ErasedArray::builder("<i4".parse().unwrap(), &[2]).slots(slots).zeros();
        assert_eq!(erased.unwrap_err().to_string(), error.to_string());
    }
}

/// One attachment more gets an error with the figure; others attach with what the header says.
fn exact() {
    let (shm, memfd, mmap) = (BackendKind::Shm, BackendKind::Memfd, BackendKind::Mmap);
    for (backend, slots) in [(shm, 1), (memfd, 3), (mmap, 129), (memfd, 600)] {
        let array = GuardedArray::<u8, _>::builder(4).unique("exact").backend(backend);
        let array: GuardedArray<u8, Ix1> = array.slots(slots).zeros().unwrap();
        let again = || -> GuardedArray<u8, Ix1> {
            match backend {
                BackendKind::Memfd => GuardedArray::from_payload(&array.payload().unwrap()),
                _ => GuardedArray::attach(array.name().as_str()),
            }
            .unwrap()
        };
        let all: Vec<_> = (0..slots).map(|_| again()).collect();
        let guards: Vec<_> = all.iter().map(|array| array.read().unwrap()).collect();
        let error = array.read().unwrap_err();
        let ErrorKind::LimitReached { value, .. } = error.kind() else { panic!("{error}") };
        assert_eq!((*value, array.slots()), (Some(slots.into()), slots));
        assert_eq!(array.participants().unwrap().len(), slots as usize);
        drop(guards);
        let last = &all[all.len() - 1];
        let mut barrier = last.barrier(1).unwrap();
        assert!(barrier.wait().unwrap());
        drop(barrier);
        let error = last.barrier(slots + 1).unwrap_err().to_string();
        assert!(error.contains(&format!("1 to {slots}")), "{error}");
        drop(last.write().unwrap());
        let chunk = last.chunks(1).unwrap().claim().unwrap().unwrap();
        chunk.done();
    }
}
