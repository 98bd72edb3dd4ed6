//! Phases, with a barrier between them. A death breaks it for all others, who are told whose it was,
//! meet again, and go on.

use std::sync::atomic::Ordering::SeqCst;

use ndarray::Ix1;
use shmarray::prelude::*;

use crate::again;
use crate::board::{Board, Column, Common, State};
use crate::game::{Deaths, Game, Victim};
use crate::pool::Worker;

const WORKERS: usize = 4;
/// Two lives of each worker: one was killed in this round.
const LIVES: usize = 2 * WORKERS;

type Array = SharedArray<u64, Ix1>;

/// An array with the phase that each life of a worker has written. (Somebody killed after it arrived
/// is one of those who meet, and so may be the next life of the same worker.)
pub(crate) struct Phases {
    array: Array,
}

impl Game for Phases {
    const NAME: &'static str = "barrier";
    const WORKERS: usize = WORKERS;
    const STATES: &'static [State] = &[State::HasSeat, State::AtBarrier, State::Reforming];
    const RESIZES: bool = true;
    // One may be with somebody who arrived, and was killed then.
    const SETTLED: u64 = 2;

    fn new(backend: BackendKind) -> Self {
        let builder = SharedArray::builder(LIVES).unique("phases").backend(backend);
        Self { array: builder.zeros().unwrap() }
    }

    fn forget(&self, dead: &Victim) {
        self.array.atomic_view()[cell_of(dead.life)].store(0, SeqCst);
    }

    fn play(&self, worker: &mut Worker<'_>) {
        let array = again(&self.array);
        worker.set(Column::Slot, 0);
        worker.publish(State::Waiting);
        while !worker.board.is_over() {
            meet(&array, worker);
        }
    }

    /// Everybody has been told of the first who died in its place, and of nobody who lives.
    fn is_recovered(&self, deaths: &Deaths, board: &Board) -> bool {
        let slots: Vec<_> = deaths.victims.iter().map(|victim| victim.slot).collect();
        let first = &deaths.victims[0];
        (0..WORKERS).all(|number| {
            let breaker = board.of(number, Column::Breaker).load(SeqCst);
            assert!(
                breaker == 0 || slots.contains(&breaker),
                "worker {number} was told that slot {} died; the dead had {slots:?}, less 1",
                breaker.saturating_sub(1)
            );
            let is_dead = deaths.victims.iter().any(|victim| victim.number == number);
            is_dead || breaker != 0 || !matches!(first.state, State::HasSeat | State::AtBarrier)
        })
    }

    fn end(&self, _: &Deaths, board: &Board) {
        assert!(board.sum(Column::Recovered) > 0);
    }
}

fn cell_of(life: u64) -> usize {
    usize::try_from(life).unwrap() % LIVES
}

/// Takes a place, and goes through phases until the barrier breaks or its size changes.
fn meet(array: &Array, worker: &mut Worker<'_>) {
    let get = |which| worker.board.common(which).load(SeqCst);
    let resized = get(Common::Resized);
    let size = u32::try_from(get(Common::Size)).unwrap();
    let mut barrier = match array.barrier(size) {
        // Others have not left the old one yet, or one of the dead has to be replaced by nobody.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidBarrier { .. }) => {
            return std::thread::yield_now();
        }
        barrier => barrier.unwrap(),
    };
    if worker.get(Column::Slot) == 0 {
        let me = array.participants().unwrap().into_iter().find(|one| one.is_me).unwrap();
        worker.set(Column::Slot, u64::from(me.slot) + 1);
    }
    let cells = array.atomic_view();
    for phase in 1.. {
        cells[cell_of(worker.life)].store(phase, SeqCst);
        worker.dice.dawdle(100);
        if phase > 1 {
            worker.publish(State::AtBarrier);
        }
        match barrier.wait() {
            Ok(_) => {}
            Err(error) => return told(&error, worker),
        }
        worker.publish(State::HasSeat);
        let resizes = worker.board.common(Common::Resized).load(SeqCst) != resized;
        let ends = worker.board.is_over() || resizes;
        if !ends {
            // Otherwise one may have left already, and a newcomer, in its first phase, have taken
            // the place before this one came to wait.
            let written: Vec<_> = cells.iter().map(|cell| cell.load(SeqCst)).collect();
            let there = written.iter().filter(|cell| (phase..=phase + 1).contains(*cell)).count();
            assert!(there >= size as usize, "phase {phase} of {size}, after it: {written:?}");
        }
        worker.count(Column::Sections);
        if ends {
            return worker.publish(State::Waiting);
        }
        worker.dice.dawdle(100);
    }
}

/// The barrier is broken: by somebody dead, or by one that left for the new size.
fn told(error: &shmarray::Error, worker: &mut Worker<'_>) {
    let ErrorKind::BarrierBroken { slot, how, .. } = error.kind() else { panic!("{error}") };
    if *how == "died" {
        worker.count(Column::Recovered);
        worker.set(Column::Breaker, u64::from(*slot) + 1);
        worker.publish(State::Reforming);
    } else {
        assert_eq!(*how, "left", "{error}");
    }
}
