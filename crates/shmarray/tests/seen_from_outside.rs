//! Slots and locks of arrays as they are seen without attaching, against what those attached know.

#![allow(clippy::unwrap_used)] // a failed step fails the test

use shm_conformance::process::{self, Child};
use shm_survey::{LockState, Participant, SegmentInfo, WaitsFor, list};
use shmarray::ErrorKind;
use shmarray::prelude::*;

fn main() {
    process::main(
        &[],
        &[
            ("participants_are_those_that_an_attachment_knows", participants),
            ("whoever_holds_or_shares_the_lock_is_seen", lock),
            ("who_waits_for_whom_is_seen", waiters),
            ("what_each_participant_waits_for_is_seen", waits),
            ("a_dead_waiter_waits_for_nobody", dead_waiter),
            ("a_dead_writer_leaves_it_poisoned", dead_writer),
        ],
    );
}

const BACKENDS: [BackendKind; 2] = [BackendKind::Shm, BackendKind::Memfd];

fn guarded(backend: BackendKind) -> GuardedArray<u64, Ix2> {
    GuardedArray::builder((4, 16)).unique("seen").backend(backend).zeros().unwrap()
}

fn specimen(array: &GuardedArray<u64, Ix2>) -> SegmentInfo {
    let is_it = |found: &SegmentInfo| found.header().name().as_str() == array.name().as_str();
    let specimen = list().unwrap().segments.into_iter().find(is_it).unwrap();
    assert!(specimen.header().guarded() && specimen.is_in_use().unwrap());
    specimen
}

fn participants() {
    for backend in BACKENDS {
        let array = guarded(backend);
        let seen = specimen(&array);
        assert_eq!(seen.participants().unwrap(), []);
        drop(array.write().unwrap());
        let child = Child::idle(|| drop(array.read().unwrap()));
        let dead = Child::idle(|| drop(array.read().unwrap()));
        dead.kill();
        dead.wait();
        let mut known = array.participants().unwrap();
        assert!(known[0].is_me, "{known:?}");
        known[0].is_me = false; // whoever looks is not there
        assert_eq!(seen.participants().unwrap(), known);
        let is_alive = |participant: &Participant| participant.alive;
        assert_eq!(known.iter().map(is_alive).collect::<Vec<_>>(), [true, true, false]);
        drop(child);
    }
}

fn slots(state: &LockState) -> (Option<u32>, bool, &[u32], bool) {
    (state.holder, state.holder_alive, &state.sharers, state.poisoned)
}

fn lock() {
    for backend in BACKENDS {
        let array = guarded(backend);
        let seen = specimen(&array);
        let state = || seen.lock_state().unwrap();
        assert_eq!(slots(&state()), (None, false, &[][..], false));
        let guard = array.write().unwrap();
        assert_eq!(slots(&state()), (Some(0), true, &[][..], false));
        drop(guard);
        assert_eq!(slots(&state()), (None, false, &[][..], false));
        let guard = array.read().unwrap();
        let child = Child::idle(|| std::mem::forget(array.read().unwrap()));
        assert_eq!(slots(&state()), (None, false, &[0, 1][..], false));
        drop(child);
        assert_eq!(slots(&state()), (None, false, &[0][..], false), "the dead do not share");
        drop(guard);
        let chunk = array.chunks(1).unwrap().next().unwrap().unwrap();
        assert_eq!(slots(&state()), (None, false, &[0][..], false));
        chunk.done();
    }
}

/// Who waits, and for whom. The alarm ends a test in which nobody ever does.
fn waiters() {
    process::die_if_hanging(60);
    for backend in BACKENDS {
        let array = guarded(backend);
        let seen = specimen(&array);
        let state_once = |is_so: fn(&LockState) -> bool| loop {
            match seen.lock_state().unwrap() {
                state if is_so(&state) => break state,
                _ => std::thread::yield_now(),
            }
        };
        let guard = array.read().unwrap();
        let writer = Child::fork(|| {
            drop(array.write().unwrap());
            0
        });
        let state = state_once(|state| state.holder_waits);
        assert_eq!(slots(&state), (Some(1), true, &[0][..], false));
        assert!(!state.is_waited_for, "{state:?}");
        let reader = Child::fork(|| {
            drop(array.read().unwrap());
            0
        });
        let state = state_once(|state| state.is_waited_for);
        assert_eq!(slots(&state), (Some(1), true, &[0][..], false));
        assert!(state.holder_waits, "{state:?}");
        drop(guard);
        assert!(writer.wait().success() && reader.wait().success());
        let state = seen.lock_state().unwrap();
        assert!(!state.holder_waits && !state.is_waited_for, "{state:?}");
    }
}

type Waits = Vec<(u32, WaitsFor, Vec<u32>)>;

fn waits_of(seen: &SegmentInfo) -> Waits {
    let all = seen.waits().unwrap().into_iter();
    all.map(|wait| (wait.slot, wait.what, wait.whom)).collect()
}

/// Looks until it is so. The alarm ends a test in which it never is.
fn until_waits_are(seen: &SegmentInfo, expected: &[(u32, WaitsFor, &[u32])]) {
    let expected: Waits =
        expected.iter().map(|(slot, what, whom)| (*slot, *what, whom.to_vec())).collect();
    while waits_of(seen) != expected {
        std::thread::yield_now();
    }
}

fn child(work: impl FnOnce()) -> Child {
    Child::fork(|| {
        work();
        0
    })
}

fn waits() {
    process::die_if_hanging(60);
    for backend in BACKENDS {
        let array = guarded(backend);
        let seen = specimen(&array);
        let guard = array.read().unwrap();
        assert_eq!(waits_of(&seen), []);
        let writer = child(|| drop(array.write().unwrap()));
        until_waits_are(&seen, &[(1, WaitsFor::Sharers, &[0])]);
        let reader = child(|| drop(array.read().unwrap()));
        until_waits_are(&seen, &[(1, WaitsFor::Sharers, &[0]), (2, WaitsFor::Holder, &[1])]);
        drop(guard);
        assert!(writer.wait().success() && reader.wait().success());
        assert_eq!(waits_of(&seen), []);

        let chunk = array.chunks(4).unwrap().claim().unwrap().unwrap();
        let worker = child(|| assert_eq!(array.chunks(4).unwrap().count(), 0));
        until_waits_are(&seen, &[(1, WaitsFor::Chunks, &[0])]);
        chunk.done();
        assert!(worker.wait().success());
        assert_eq!(waits_of(&seen), []);

        let mut seat = array.barrier(3).unwrap();
        let meet = || child(|| assert!(array.barrier(3).unwrap().wait().is_ok()));
        let first = meet();
        until_waits_are(&seen, &[(1, WaitsFor::Arrivals, &[0])]);
        let second = meet();
        let both: [(_, _, &[u32]); 2] =
            [(1, WaitsFor::Arrivals, &[0]), (2, WaitsFor::Arrivals, &[0])];
        until_waits_are(&seen, &both);
        seat.wait().unwrap();
        assert!(first.wait().success() && second.wait().success());
        drop(seat);

        let mut broken = array.barrier(2).unwrap();
        drop(array.barrier(2).unwrap());
        broken.wait().unwrap_err();
        let next = child(|| drop(array.barrier(2).unwrap()));
        until_waits_are(&seen, &[(1, WaitsFor::Seats, &[0])]);
        drop(broken);
        assert!(next.wait().success());
        assert_eq!(waits_of(&seen), []);
    }
}

/// What it has noted stays, and says nothing any more; whoever takes its slot begins without.
fn dead_waiter() {
    process::die_if_hanging(60);
    for backend in BACKENDS {
        let array = guarded(backend);
        let seen = specimen(&array);
        let guard = array.write().unwrap();
        let writer = child(|| drop(array.write().unwrap()));
        until_waits_are(&seen, &[(1, WaitsFor::Holder, &[0])]);
        drop(writer); // killed
        assert_eq!(waits_of(&seen), []);
        let _other = Child::idle(|| drop(array.try_write().map(drop).unwrap_err()));
        assert_eq!(seen.participants().unwrap()[1].generation, 2);
        assert_eq!(waits_of(&seen), []);
        drop(guard);
    }
}

fn dead_writer() {
    for backend in BACKENDS {
        let array = guarded(backend);
        let seen = specimen(&array);
        let state = || seen.lock_state().unwrap();
        drop(Child::idle(|| std::mem::forget(array.write().unwrap()))); // killed
        assert_eq!(slots(&state()), (Some(0), false, &[][..], true));
        let error = array.write().map(drop).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Poisoned { .. }), "{error}");
        assert_eq!(slots(&state()), (None, false, &[][..], true), "somebody has found it dead");
        let mut guard = array.write_poisoned(Timeout::Forever).unwrap();
        guard.set_poisoned(false);
        drop(guard);
        assert_eq!(slots(&state()), (None, false, &[][..], false));
    }
}
