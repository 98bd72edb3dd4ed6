//! Readers and claimers take turns: nobody waits for a turn that it does not need any more.

use std::time::Duration;

use ndarray::{Axis, Ix1};
use shm_conformance::process::{Child, fork_many};
use shmarray::Timeout;
use shmarray::prelude::*;

use super::{Array, LEN, create};
use crate::{again, on_each};

const STEPS: u32 = 400;

/// Does what is left of the step `number`: the destination gets one more than the source has.
fn step(arrays: [&Array; 2], number: u32) {
    let [source, destination] =
        if number.is_multiple_of(2) { arrays } else { [arrays[1], arrays[0]] };
    let source = source.read().unwrap();
    for chunk in destination.chunks_of_round(number / 2, Axis(0), 1).unwrap() {
        let mut chunk = chunk.unwrap();
        assert_eq!(source.to_vec(), [u64::from(number); LEN], "the source of step {number}");
        chunk.fill(u64::from(number) + 1);
        chunk.done();
    }
}

/// Each step reads what the one before wrote, and nothing but the rounds keeps the workers in step.
pub(super) fn ping_pong() {
    on_each(|backend| {
        let (one, two) = (create(backend), create(backend));
        fork_many(2, || {
            let (one, two) = (again(&one), again(&two));
            (0..STEPS).for_each(|number| step([&one, &two], number));
        });
        assert_eq!(one.read().unwrap().to_vec(), [u64::from(STEPS); LEN]);
    });
}

/// One worker is a step ahead: it reads what a latecomer asks for chunks of, and wants chunks of what
/// the latecomer reads.
pub(super) fn latecomer() {
    on_each(|backend| {
        let (one, two) = (create(backend), create(backend));
        let notes = SharedArray::<u32, Ix1>::builder(1).unique("notes").zeros().unwrap();
        let limit = Timeout::After(Duration::from_secs(30));
        let late = Child::fork(|| {
            let (one, two) = (again(&one), again(&two));
            let guard = one.read().unwrap();
            let chunks = two.chunks(1).unwrap();
            notes.flags().set(0, 1).unwrap();
            notes.flags().wait_past(1, limit).unwrap();
            assert!(chunks.claim().unwrap().is_none());
            drop(guard);
            0
        });
        notes.flags().wait_past(0, limit).unwrap();
        step([&one, &two], 0);
        let guard = two.read().unwrap();
        let chunks = one.chunks(1).unwrap();
        notes.flags().set(0, 2).unwrap();
        chunks.claim().unwrap().unwrap().done();
        drop(guard);
        assert!(late.wait().success());
    });
}

/// Whoever reads or writes an array does not keep others from learn that its round is over.
pub(super) fn over() {
    on_each(|backend| {
        let (first, second) = (create(backend), create(backend));
        step([&second, &first], 0);
        let other = again(&first);
        let mut chunks = other.chunks(1).unwrap().within(Duration::ZERO);
        let reader = first.read().unwrap();
        assert!(chunks.claim().unwrap().is_none());
        drop(reader);
        let writer = first.write().unwrap();
        assert!(chunks.next().is_none());
        drop(writer);
    });
}
