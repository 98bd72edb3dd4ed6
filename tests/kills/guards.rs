//! Readers, writers and claimers of one array. No array that a dead writer left is taken for whole,
//! and no completed write is lost or done twice.

use std::sync::atomic::Ordering::SeqCst;

use ndarray::{ArrayRef, Axis, Ix2, s};
use shmarray::prelude::*;
use shmarray::{Timeout, sync::WriteGuard};

use crate::again;
use crate::board::{Board, Column, Common, State};
use crate::game::{Deaths, Game, Victim};
use crate::pool::Worker;

const WORKERS: usize = 4;
/// Of the row behind those of the workers.
const TOTAL: usize = WORKERS;
/// Rows that writers leave alone and claimers fill with the number of the next round.
const CLAIMED: std::ops::Range<usize> = WORKERS + 1..WORKERS + 5;
const WIDTH: usize = 8;

type Array = GuardedArray<u64, Ix2>;

/// Each column has the writes of each worker and their total: all columns the same, unless somebody
/// is writing. What has been killed while it wrote one is seen there.
pub(crate) struct Guards {
    array: Array,
}

impl Game for Guards {
    const NAME: &'static str = "guards";
    const WORKERS: usize = WORKERS;
    const STATES: &'static [State] = &[
        State::Reading,
        State::Writing,
        State::Mending,
        State::Chunk,
        State::ChunkRetry,
        State::Rescuing,
    ];

    // In the second each has had the lock after the death: nobody dead holds it any more.
    const SETTLED: u64 = 2;

    fn new(backend: BackendKind) -> Self {
        let builder = GuardedArray::builder((CLAIMED.end, WIDTH)).unique("guards");
        Self { array: builder.backend(backend).zeros().unwrap() }
    }

    fn play(&self, worker: &mut Worker<'_>) {
        let array = if worker.dice.one_in(2) { self.array.clone() } else { again(&self.array) };
        let mut own = None;
        while !worker.board.is_over() {
            match worker.dice.below(4) {
                0 => read(&array, worker),
                1 => claim(&array, worker),
                _ => write(&array, worker, &mut own),
            }
            worker.section();
            worker.dice.dawdle(200);
        }
    }

    /// A worker that died while it wrote left a poisoned array, and the next writer is told. (It may be killed
    /// in turn, so this counts.)
    fn is_pending(&self, deaths: &Deaths, board: &Board) -> bool {
        let wrote = |victim: &&Victim| matches!(victim.state, State::Writing | State::Mending);
        let poisoned = deaths.victims.iter().filter(wrote).count() as u64;
        board.sum(Column::Recovered) - deaths.recovered_before < poisoned
    }

    /// Nobody is told of more poisoned arrays than there were deaths: one may have been killed before it
    /// could say that it writes.
    fn is_recovered(&self, deaths: &Deaths, board: &Board) -> bool {
        let seen = board.sum(Column::Recovered) - deaths.recovered_before;
        let dead = deaths.victims.len() as u64;
        assert!(seen <= dead, "an array was poisoned {seen} times by {dead} deaths");
        !self.array.is_poisoned() && !self.is_pending(deaths, board)
    }

    fn end(&self, deaths: &Deaths, board: &Board) {
        assert!(self.is_recovered(deaths, board));
        let array = &self.array;
        let round = board.common(Common::Round).load(SeqCst);
        for chunk in array.chunks_of_round(u32::try_from(round).unwrap(), Axis(0), 1).unwrap() {
            let mut chunk = chunk.unwrap();
            if CLAIMED.contains(&chunk.range().start) {
                chunk.fill(round + 1);
            }
            chunk.done();
        }
        let guard = array.read().unwrap();
        assert_whole(&guard);
        for worker in 0..WORKERS {
            let of = |column| board.of(worker, column).load(SeqCst);
            let (found, done, begun) = (guard[[worker, 0]], of(Column::Done), of(Column::Begun));
            let is_right = (done..=begun).contains(&found);
            assert!(is_right, "writes of worker {worker}: {found}; {done} done, {begun} begun");
        }
        assert!(guard.slice(s![CLAIMED, ..]).iter().all(|found| *found == round + 1), "{guard:?}");
    }
}

/// Fails unless all columns are the same, and each has the right total.
fn assert_whole(array: &ArrayRef<u64, Ix2>) {
    for column in 0..WIDTH {
        let counts = array.slice(s![..=TOTAL, column]);
        let first = array.slice(s![..=TOTAL, 0]);
        let sum: u64 = counts.iter().take(WORKERS).sum();
        let is_whole = counts == first && sum == counts[TOTAL];
        assert!(is_whole, "poisoned but given out as whole: column {column} of\n{array}");
    }
}

/// Makes all columns what the last one is: that was begun after all others were finished.
fn mend(guard: &mut WriteGuard<'_, u64, Ix2>, worker: &mut Worker<'_>) {
    let sum = (0..WORKERS).map(|row| guard[[row, WIDTH - 1]]).sum();
    guard[[TOTAL, WIDTH - 1]] = sum;
    for column in 0..WIDTH {
        for row in 0..=TOTAL {
            guard[[row, column]] = guard[[row, WIDTH - 1]];
        }
        worker.dice.dawdle(200);
    }
}

fn write(array: &Array, worker: &mut Worker<'_>, own: &mut Option<u64>) {
    let done = worker.get(Column::Done);
    let begun = worker.get(Column::Begun);
    worker.publish(State::Waiting);
    let mut guard = match array.write() {
        Err(error) if matches!(error.kind(), ErrorKind::Poisoned { .. }) => {
            array.write_poisoned(Timeout::Forever).unwrap()
        }
        guard => guard.unwrap(),
    };
    if guard.is_poisoned() {
        worker.count(Column::Recovered);
        worker.publish(State::Mending);
        mend(&mut guard, worker);
        guard.set_poisoned(false);
    }
    worker.publish(State::Writing);
    assert_whole(&guard);
    let (row, others) = (worker.number, guard.slice(s![CLAIMED, ..]).to_owned());
    let found = guard[[row, 0]];
    match *own {
        Some(own) => assert_eq!(found, own, "writes of worker {row}, who has completed so many"),
        // The one before may have been killed in its last write, or between it and its count.
        None => assert!(
            (done..=begun).contains(&found),
            "writes of worker {row}: {found}; its last life completed {done} and began {begun}"
        ),
    }
    worker.set(Column::Done, found);
    worker.set(Column::Begun, found + 1);
    for column in 0..WIDTH {
        guard[[row, column]] += 1;
        worker.dice.dawdle(200);
        guard[[TOTAL, column]] += 1;
    }
    assert_eq!(others, guard.slice(s![CLAIMED, ..]), "claimed while worker {row} wrote");
    worker.publish(State::Outside);
    drop(guard);
    worker.set(Column::Done, found + 1);
    *own = Some(found + 1);
}

fn read(array: &Array, worker: &mut Worker<'_>) {
    worker.publish(State::Waiting);
    let guard = match array.read() {
        Err(error) if matches!(error.kind(), ErrorKind::Poisoned { .. }) => {
            array.read_poisoned(Timeout::Forever).unwrap()
        }
        guard => guard.unwrap(),
    };
    worker.publish(State::Reading);
    if !guard.is_poisoned() {
        assert_whole(&guard);
    }
    let before = guard.to_owned();
    worker.dice.dawdle(1000);
    assert_eq!(before, *guard, "written while worker {} read", worker.number);
    worker.publish(State::Outside);
}

fn claim(array: &Array, worker: &mut Worker<'_>) {
    let round = worker.board.common(Common::Round).load(SeqCst);
    worker.publish(State::Waiting);
    let chunks = array.chunks_of_round(u32::try_from(round).unwrap(), Axis(0), 1).unwrap();
    let Some(mut chunk) = chunks.claim().unwrap() else {
        let _ =
            worker.board.common(Common::Round).compare_exchange(round, round + 1, SeqCst, SeqCst);
        return;
    };
    let (row, is_retry) = (chunk.range().start, chunk.is_retry());
    worker.publish(if is_retry { State::ChunkRetry } else { State::Chunk });
    let before = chunk.to_owned();
    worker.dice.dawdle(300);
    assert_eq!(before, *chunk, "row {row} written while worker {} had it", worker.number);
    if CLAIMED.contains(&row) {
        let is_right = is_retry || chunk.iter().all(|found| *found == round);
        assert!(is_right, "row {row} in round {round}: {before}, not {round}");
        for element in chunk.iter_mut() {
            *element = round + 1;
            worker.dice.dawdle(40);
        }
    }
    worker.publish(State::Outside);
    chunk.done();
}
