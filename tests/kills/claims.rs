//! Passes over an array by chunks. Each chunk is done once in each round, and comes out right though
//! those who had it before were killed.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use ndarray::{Axis, Ix1, Ix2};
use shmarray::prelude::*;
use shmarray::{
    Timeout,
    sync::{Chunk, Chunks},
};

use crate::again;
use crate::board::{Board, Column, Common, State};
use crate::game::{Deaths, Game};
use crate::pool::Worker;

const SIZE: usize = 24;

pub(crate) struct Claims {
    array: GuardedArray<u64, Ix2>,
    /// Of each chunk of the present round: the life of the worker that has it, by its own word.
    holders: SharedArray<u64, Ix1>,
    /// Of each chunk: one more than the last round in which a worker was about to say that it is
    /// done (row 0), and had said so (row 1).
    rounds: SharedArray<u64, Ix2>,
}

/// How a round divides the array: along which axis, by how many rows.
fn division(round: u64) -> (Axis, usize) {
    let rows = [1, 2, 5][usize::try_from(round % 3).unwrap()];
    (Axis(usize::from(round.is_multiple_of(2))), rows)
}

/// The value of an element after so many rounds.
fn right(rounds: u64, (row, column): (usize, usize)) -> u64 {
    match rounds {
        0 => 0,
        _ => rounds * 1_000_000 + (row * SIZE + column) as u64,
    }
}

impl Game for Claims {
    const NAME: &'static str = "claims";
    const WORKERS: usize = 5;
    const STATES: &'static [State] =
        &[State::Chunk, State::ChunkRetry, State::ChunkEnd, State::Watching, State::Rescuing];

    fn new(backend: BackendKind) -> Self {
        let array = GuardedArray::builder((SIZE, SIZE)).unique("claims");
        let holders = SharedArray::builder(SIZE).unique("holders").backend(BackendKind::Mmap);
        let rounds = SharedArray::builder((2, SIZE)).unique("rounds").backend(BackendKind::Mmap);
        Self {
            array: array.backend(backend).zeros().unwrap(),
            holders: holders.zeros().unwrap(),
            rounds: rounds.zeros().unwrap(),
        }
    }

    fn play(&self, worker: &mut Worker<'_>) {
        let array = again(&self.array);
        while !worker.board.is_over() {
            let round = worker.board.common(Common::Round).load(SeqCst);
            let (axis, rows) = division(round);
            worker.publish(State::Waiting);
            let number = u32::try_from(round).unwrap();
            let chunks = array.chunks_of_round(number, axis, rows).unwrap();
            if worker.number == 0 {
                watch(&chunks, worker);
                continue;
            }
            for chunk in chunks {
                self.work(chunk.unwrap(), round, worker);
                worker.section();
                worker.dice.dawdle(50);
                worker.publish(State::Waiting);
            }
            let present = worker.board.common(Common::Round);
            let _ = present.compare_exchange(round, round + 1, SeqCst, SeqCst);
        }
    }

    /// Whether a chunk of somebody dead has not been handed out again.
    fn is_pending(&self, deaths: &Deaths, _: &Board) -> bool {
        let holders = self.holders.to_owned_array();
        deaths.victims.iter().any(|victim| holders.iter().any(|life| *life == victim.life))
    }

    fn is_recovered(&self, deaths: &Deaths, board: &Board) -> bool {
        let (twice, killed) =
            (board.common(Common::DoneAgain).load(SeqCst), deaths.at(State::ChunkEnd));
        assert!(twice <= killed, "{twice} chunks done twice, {killed} killed at the end of one");
        !self.is_pending(deaths, board)
    }

    fn end(&self, deaths: &Deaths, board: &Board) {
        assert!(self.is_recovered(deaths, board));
        let rounds = board.common(Common::Round).load(SeqCst);
        assert!(rounds > 0);
        let guard = self.array.read().unwrap();
        for (index, found) in guard.indexed_iter() {
            assert_eq!(*found, right(rounds, index), "element {index:?} after {rounds} rounds");
        }
        let count = (SIZE * SIZE) as u64;
        assert_eq!(guard.sum(), rounds * 1_000_000 * count + count * (count - 1) / 2);
    }
}

/// Waits for chunks to be done, without taking part.
fn watch(chunks: &Chunks<'_, u64, Ix2>, worker: &mut Worker<'_>) {
    let mut seen = 0;
    worker.publish(State::Watching);
    while !worker.board.is_over() {
        let progress = match chunks.wait_past(seen, Timeout::After(Duration::from_millis(200))) {
            Err(error) if matches!(error.kind(), ErrorKind::TimedOut { .. }) => continue,
            progress => progress.unwrap(),
        };
        let (is_all, is_more) = (progress.done == progress.chunks, progress.done > seen);
        assert!(is_all || is_more, "waited past {seen}: {progress:?}");
        assert!(progress.done + progress.held <= progress.chunks, "{progress:?}");
        worker.count(Column::Sections);
        if is_all {
            break;
        }
        seen = progress.done;
    }
}

impl Claims {
    /// Does a chunk from scratch, with something wrong in it meanwhile.
    fn work(&self, mut chunk: Chunk<'_, u64, Ix2>, round: u64, worker: &mut Worker<'_>) {
        let (index, is_retry, me) = (chunk.index() as usize, chunk.is_retry(), worker.life);
        let holders = self.holders.atomic_view();
        let rounds = self.rounds.atomic_view();
        let before = holders[index].swap(me, SeqCst);
        worker.publish(if is_retry { State::ChunkRetry } else { State::Chunk });
        assert!(
            before == 0 || is_retry,
            "chunk {index} of round {round}: {before} has it, and {me}"
        );
        let done = rounds[[1, index]].load(SeqCst);
        assert!(done <= round, "chunk {index} of round {round} handed out after it was done");
        if is_retry {
            worker.count(Column::Recovered);
        }
        let (axis, start) = (division(round).0, chunk.range().start);
        let place = |(row, column)| match axis {
            Axis(0) => (start + row, column),
            _ => (row, start + column),
        };
        if !is_retry {
            for (index, found) in chunk.indexed_iter() {
                let (at, was) = (place(index), right(round, place(index)));
                assert_eq!(*found, was, "element {at:?} when round {round} begins with it");
            }
        }
        chunk.fill(u64::MAX - me);
        worker.dice.dawdle(100);
        let gives_back = worker.dice.one_in(20);
        for (index, element) in chunk.indexed_iter_mut() {
            assert_eq!(*element, u64::MAX - me, "{:?}: not worker {me}'s", place(index));
            *element = right(round + 1, place(index));
        }
        let mine = holders[index].compare_exchange(me, 0, SeqCst, SeqCst);
        assert_eq!(mine, Ok(me), "chunk {index} of round {round}: left: who has it, right: {me}");
        if gives_back {
            worker.publish(State::Outside);
            return;
        }
        worker.publish(State::ChunkEnd);
        worker.dice.dawdle(20);
        if rounds[[0, index]].swap(round + 1, SeqCst) == round + 1 {
            assert!(is_retry, "chunk {index} of round {round} is done twice");
            worker.board.common(Common::DoneAgain).fetch_add(1, SeqCst);
        }
        chunk.done();
        rounds[[1, index]].store(round + 1, SeqCst);
        worker.dice.dawdle(20);
    }
}
