//! Flags and their counter: those who wait for a change see it, though those who make it, or wait
//! beside them, are killed.

use std::time::Duration;

use ndarray::Ix1;
use shmarray::prelude::*;

use crate::again;
use crate::board::{Board, Column, State};
use crate::game::{Deaths, Game};
use crate::pool::Worker;

/// The first of them watch; at least one of the others is always alive.
const WORKERS: usize = 5;
const WATCHERS: usize = 2;

type Array = SharedArray<u32, Ix1>;

pub(crate) struct Watchers {
    array: Array,
}

impl Game for Watchers {
    const NAME: &'static str = "watchers";
    const WORKERS: usize = WORKERS;
    const STATES: &'static [State] = &[State::Watching, State::Counting];

    fn new(backend: BackendKind) -> Self {
        let builder = SharedArray::builder(WORKERS).unique("flags").backend(backend);
        Self { array: builder.zeros().unwrap() }
    }

    fn play(&self, worker: &mut Worker<'_>) {
        let array = again(&self.array);
        while !worker.board.is_over() {
            if worker.number < WATCHERS {
                watch(&array, worker);
            } else {
                count(&array, worker);
            }
        }
    }

    fn end(&self, deaths: &Deaths, board: &Board) {
        let (counted, all) = (self.array.flags().changes(), deaths.all);
        let (done, begun) = (board.sum(Column::Done), board.sum(Column::Begun));
        assert!((done..=begun).contains(&counted), "{counted} changes; {done} done, {begun} begun");
        assert!(begun - done <= all, "{done} done, {begun} begun, {all} killed");
    }
}

fn count(array: &Array, worker: &mut Worker<'_>) {
    let flag = array.flags().get(worker.number).unwrap();
    worker.publish(State::Counting);
    worker.count(Column::Begun);
    array.flags().set(worker.number, flag.wrapping_add(1)).unwrap();
    worker.count(Column::Done);
    worker.dice.dawdle(50);
    worker.section();
    worker.dice.dawdle(200);
}

fn watch(array: &Array, worker: &mut Worker<'_>) {
    let flags = array.flags();
    let values = || (0..WORKERS).map(|flag| flags.get(flag).unwrap()).collect::<Vec<_>>();
    let (before, seen) = (values(), flags.changes());
    worker.publish(State::Watching);
    let now = match flags.wait_past(seen, Timeout::After(Duration::from_millis(200))) {
        Err(error) if matches!(error.kind(), ErrorKind::TimedOut { .. }) => return,
        now => now.unwrap(),
    };
    let after = values();
    assert!(now > seen, "{now} changes after waiting past {seen}");
    let is_later = after.iter().zip(&before).all(|(after, before)| after >= before);
    assert!(is_later, "flags {before:?}, later {after:?}");
    let done = worker.board.sum(Column::Done);
    let now = flags.changes();
    let begun = worker.board.sum(Column::Begun);
    assert!(
        (done..=begun).contains(&now),
        "{now} changes; {done} done before, {begun} begun after"
    );
    worker.count(Column::Sections);
}
