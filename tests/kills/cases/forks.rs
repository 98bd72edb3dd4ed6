//! Guards, chunks and places across a fork: the parent's alone.

use shm_conformance::process::in_a_child;

use super::{Array, create, refusal};
use crate::{again, on_each};

/// A child drops its copy of what the parent holds, which does nothing: a third process finds it
/// held as before, and free once the parent has dropped it.
fn held_by_the_parent<H>(mut held: Option<H>, is_held: impl Fn(), is_free: impl Fn()) {
    in_a_child(&is_held);
    in_a_child(|| {
        drop(held.take());
        in_a_child(&is_held);
    });
    in_a_child(&is_held);
    drop(held);
    in_a_child(&is_free);
}

fn assert_free(array: &Array) {
    drop(again(array).try_write().unwrap());
    drop(array.try_write().unwrap()); // inherited
}

pub(super) fn write() {
    on_each(|backend| {
        let array = create(backend);
        let is_held = || {
            for array in [&array, &again(&array)] {
                assert_eq!(refusal(array.try_write()), "TimedOut");
                assert_eq!(refusal(array.try_read()), "TimedOut");
            }
        };
        held_by_the_parent(Some(array.write().unwrap()), is_held, || assert_free(&array));
    });
}

pub(super) fn read() {
    on_each(|backend| {
        let array = create(backend);
        let is_held = || {
            for array in [&array, &again(&array)] {
                assert_eq!(refusal(array.try_write()), "TimedOut");
                drop(array.try_read().unwrap());
            }
        };
        held_by_the_parent(Some(array.read().unwrap()), is_held, || assert_free(&array));
    });
}

pub(super) fn chunk() {
    on_each(|backend| {
        let array = create(backend);
        let chunks = array.chunks(super::LEN).unwrap();
        let is_held = || {
            assert_eq!(refusal(array.try_write()), "TimedOut");
            let progress = chunks.progress().unwrap();
            assert_eq!((progress.done, progress.held, progress.chunks), (0, 1, 1));
        };
        let is_free = || {
            assert_free(&array);
            let chunk = chunks.claim().unwrap().unwrap();
            assert!(chunk.is_retry());
            chunk.done();
        };
        held_by_the_parent(chunks.claim().unwrap(), is_held, is_free);
        assert_eq!(chunks.progress().unwrap().done, 1);
    });
}

pub(super) fn place() {
    on_each(|backend| {
        let array = create(backend);
        let mut place = Some(array.barrier(1).unwrap());
        in_a_child(|| {
            assert_eq!(refusal(place.as_mut().unwrap().wait()), "ForkedChild");
            assert_eq!(refusal(array.barrier(1)), "InvalidBarrier", "all places are taken");
            drop(place.take());
            assert_eq!(refusal(again(&array).barrier(1)), "InvalidBarrier");
        });
        assert!(place.as_mut().unwrap().wait().unwrap());
        drop(place);
        in_a_child(|| assert!(array.barrier(1).unwrap().wait().unwrap()));
    });
}
