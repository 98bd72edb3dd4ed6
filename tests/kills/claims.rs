//! Passes over an array by chunks. Each chunk is done once in each pass, and comes out right though
//! those who had it before were killed.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use ndarray::{Axis, Ix1, Ix2};
use shmarray::prelude::*;
use shmarray::{Chunk, Chunks, Limit};

use crate::again;
use crate::board::{Board, Column, Common, State};
use crate::game::{Deaths, Game};
use crate::pool::Worker;

const SIZE: usize = 24;

pub(crate) struct Claims {
    array: GuardedArray<u64, Ix2>,
    /// Of each chunk of the present pass: the life of the worker that has it, by its own word.
    holders: SharedArray<u64, Ix1>,
    /// Of each chunk: one more than the last pass in which a worker was about to say that it is
    /// done (row 0), and had said so (row 1).
    passes: SharedArray<u64, Ix2>,
}

/// How a pass divides the array: along which axis, by how many rows.
fn division(pass: u64) -> (Axis, usize) {
    let rows = [1, 2, 5][usize::try_from(pass % 3).unwrap()];
    (Axis(usize::from(pass.is_multiple_of(2))), rows)
}

/// What an element is after so many passes.
fn right(passes: u64, (row, column): (usize, usize)) -> u64 {
    match passes {
        0 => 0,
        _ => passes * 1_000_000 + (row * SIZE + column) as u64,
    }
}

impl Game for Claims {
    const NAME: &'static str = "claims";
    const WORKERS: usize = 5;
    const STATES: &'static [State] =
        &[State::Chunk, State::ChunkAgain, State::ChunkEnd, State::Watching, State::Rescuing];

    fn new(backend: BackendKind) -> Self {
        let array = GuardedArray::builder((SIZE, SIZE)).unique("claims");
        let holders = SharedArray::builder(SIZE).unique("holders").backend(BackendKind::Mmap);
        let passes = SharedArray::builder((2, SIZE)).unique("passes").backend(BackendKind::Mmap);
        Self {
            array: array.backend(backend).zeros().unwrap(),
            holders: holders.zeros().unwrap(),
            passes: passes.zeros().unwrap(),
        }
    }

    fn play(&self, worker: &mut Worker<'_>) {
        let array = again(&self.array);
        while !worker.board.is_over() {
            let pass = worker.board.common(Common::Pass).load(SeqCst);
            let (axis, rows) = division(pass);
            worker.publish(State::Waiting);
            let number = u32::try_from(pass).unwrap();
            let chunks = array.chunks_of_pass(number, axis, rows).unwrap();
            if worker.number == 0 {
                watch(&chunks, worker);
                continue;
            }
            for chunk in chunks {
                self.work(chunk.unwrap(), pass, worker);
                worker.section();
                worker.dice.dawdle(50);
                worker.publish(State::Waiting);
            }
            let present = worker.board.common(Common::Pass);
            let _ = present.compare_exchange(pass, pass + 1, SeqCst, SeqCst);
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
        let passes = board.common(Common::Pass).load(SeqCst);
        assert!(passes > 0);
        let guard = self.array.read().unwrap();
        for (index, found) in guard.indexed_iter() {
            assert_eq!(*found, right(passes, index), "element {index:?} after {passes} passes");
        }
        let count = (SIZE * SIZE) as u64;
        assert_eq!(guard.sum(), passes * 1_000_000 * count + count * (count - 1) / 2);
    }
}

/// Waits for chunks to be done, without taking part.
fn watch(chunks: &Chunks<'_, u64, Ix2>, worker: &mut Worker<'_>) {
    let mut seen = 0;
    worker.publish(State::Watching);
    while !worker.board.is_over() {
        let progress = match chunks.wait_past(seen, Limit::After(Duration::from_millis(200))) {
            Err(error) if matches!(error.kind(), ErrorKind::Locked { .. }) => continue,
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
    fn work(&self, mut chunk: Chunk<'_, u64, Ix2>, pass: u64, worker: &mut Worker<'_>) {
        let (index, is_again, me) = (chunk.index() as usize, chunk.is_again(), worker.life);
        let holders = self.holders.atomic_view();
        let passes = self.passes.atomic_view();
        let before = holders[index].swap(me, SeqCst);
        worker.publish(if is_again { State::ChunkAgain } else { State::Chunk });
        assert!(before == 0 || is_again, "chunk {index} of pass {pass}: {before} has it, and {me}");
        let done = passes[[1, index]].load(SeqCst);
        assert!(done <= pass, "chunk {index} of pass {pass} handed out after it was done");
        if is_again {
            worker.count(Column::Recovered);
        }
        let (axis, start) = (division(pass).0, chunk.range().start);
        let place = |(row, column)| match axis {
            Axis(0) => (start + row, column),
            _ => (row, start + column),
        };
        if !is_again {
            for (index, found) in chunk.indexed_iter() {
                let (at, was) = (place(index), right(pass, place(index)));
                assert_eq!(*found, was, "element {at:?} when pass {pass} begins with it");
            }
        }
        chunk.fill(u64::MAX - me);
        worker.dice.dawdle(100);
        let gives_back = worker.dice.one_in(20);
        for (index, element) in chunk.indexed_iter_mut() {
            assert_eq!(*element, u64::MAX - me, "{:?}: not worker {me}'s", place(index));
            *element = right(pass + 1, place(index));
        }
        let mine = holders[index].compare_exchange(me, 0, SeqCst, SeqCst);
        assert_eq!(mine, Ok(me), "chunk {index} of pass {pass}: left: who has it, right: {me}");
        if gives_back {
            worker.publish(State::Outside);
            return;
        }
        worker.publish(State::ChunkEnd);
        worker.dice.dawdle(20);
        if passes[[0, index]].swap(pass + 1, SeqCst) == pass + 1 {
            assert!(is_again, "chunk {index} of pass {pass} is done twice");
            worker.board.common(Common::DoneAgain).fetch_add(1, SeqCst);
        }
        chunk.done();
        passes[[1, index]].store(pass + 1, SeqCst);
        worker.dice.dawdle(20);
    }
}
