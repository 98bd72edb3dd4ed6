//! The ends of holders of a guard or a chunk: by death, by leaking it, by a panic.

use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use shm_conformance::process::{Child, in_a_child};
use shmarray::Timeout;

use super::{Array, create, refusal};
use crate::{again, on_each};

/// The next writer is told that the array is poisoned, and mends it.
fn assert_poisoned_then_mend(array: &Array) {
    assert_eq!(refusal(array.write()), "Poisoned");
    assert_eq!(refusal(array.read()), "Poisoned");
    let mut guard = array.write_poisoned(Timeout::Forever).unwrap();
    assert!(guard.is_poisoned());
    guard.fill(0);
    guard.set_poisoned(false);
    drop(guard);
    assert_eq!(array.read().unwrap().sum(), 0);
}

/// Begins to write, and never ends it.
fn write_for_ever(array: &Array) {
    let mut guard = array.write().unwrap();
    guard[0] = 666;
    std::mem::forget(guard);
}

/// Its address space is what held the lock, not what its child has inherited.
pub(super) fn parent_is_killed() {
    on_each(|backend| {
        let array = create(backend);
        let (mut over, end) = std::io::pipe().unwrap();
        let mut end = Some(end);
        let (mut answers, answer) = std::io::pipe().unwrap();
        let parent = Child::idle(|| {
            write_for_ever(&array);
            std::mem::forget(Child::fork(|| {
                drop(end.take());
                assert_eq!(over.read(&mut [0]).unwrap(), 0, "the end of the test");
                (&answer).write_all(b"lived").unwrap();
                0
            }));
        });
        assert_eq!(refusal(array.try_write()), "TimedOut");
        drop(parent); // by SIGKILL
        assert_poisoned_then_mend(&array);
        drop((end, answer));
        let mut text = String::new();
        answers.read_to_string(&mut text).unwrap(); // until it has ended
        assert_eq!(text, "lived");
    });
}

/// A slot in the word of the lock is nothing without its generation.
pub(super) fn slot_is_taken_again() {
    on_each(|backend| {
        let array = create(backend);
        let children: [fn(&Array); 2] = [write_for_ever, |array| {
            std::mem::forget(array.chunks(1).unwrap().claim().unwrap().unwrap());
        }];
        for (which, hold) in children.into_iter().enumerate() {
            drop(Child::idle(|| hold(&again(&array)))); // by SIGKILL
            in_a_child(|| {
                let array = again(&array);
                // At once, and with its slot.
                let taken = array.barrier(1).unwrap();
                let all = array.participants().unwrap();
                let generation = 2 * u32::try_from(which).unwrap() + 2;
                let found: Vec<_> = all.iter().map(|one| (one.slot, one.generation)).collect();
                assert_eq!(found, [(0, generation)], "{all:?}");
                assert!(all[0].alive && all[0].is_me, "{all:?}");
                drop(taken);
                if which == 0 {
                    assert_poisoned_then_mend(&array);
                } else {
                    let again = array.chunks(1).unwrap().map(|chunk| {
                        let chunk = chunk.unwrap();
                        let found = (chunk.index(), chunk.is_retry());
                        chunk.done();
                        found
                    });
                    let again: Vec<_> = again.filter(|(_, again)| *again).collect();
                    assert_eq!(again, [(0, true)]);
                }
            });
        }
        drop(array.write().unwrap());
    });
}

/// A guard that nobody drops is held until its process ends, well or not.
pub(super) fn leaked() {
    on_each(|backend| {
        let array = create(backend);
        in_a_child(|| write_for_ever(&again(&array)));
        assert_poisoned_then_mend(&array);
        in_a_child(|| std::mem::forget(again(&array).read().unwrap()));
        drop(array.write().unwrap());
        in_a_child(|| {
            let array = again(&array);
            std::mem::forget(array.chunks(1).unwrap().claim().unwrap());
        });
        drop(array.write().unwrap()); // nobody alive has a chunk
        let again = array.chunks(1).unwrap().map(|chunk| {
            let chunk = chunk.unwrap();
            let found = chunk.is_retry();
            chunk.done();
            found
        });
        assert_eq!(again.filter(|again| *again).count(), 1);
    });
}

/// A writer that panics poisons the array, though its process lives.
pub(super) fn panics() {
    on_each(|backend| {
        let array = create(backend);
        let panics = Child::idle(|| {
            let array = again(&array);
            let caught = catch_unwind(AssertUnwindSafe(|| {
                let _guard = array.write().unwrap();
                std::panic::resume_unwind(Box::new("in the middle of it"));
            }));
            assert!(caught.is_err());
            std::mem::forget(array);
        });
        assert_poisoned_then_mend(&array);
        assert!(array.participants().unwrap()[0].alive, "{:?}", array.participants());
        drop(panics);
    });
}
