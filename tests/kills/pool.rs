//! The workers of a game: forked, killed, and replaced by others.

use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use rustix::process::{Signal, set_parent_process_death_signal};
use shm_conformance::dice::Dice;
use shm_conformance::process::{self, Child, HANGS};

use crate::board::{Board, Column, Common, State};
use crate::game::Game;

/// A process that plays a worker of a game.
pub(crate) struct Worker<'a> {
    pub(crate) number: usize,
    /// Different for each process of a game, and not 0; one life of a worker is
    /// [`Game::WORKERS`] less than the next.
    pub(crate) life: u64,
    pub(crate) board: &'a Board,
    pub(crate) dice: Dice,
}

impl Worker<'_> {
    pub(crate) fn publish(&self, state: State) {
        self.board.publish(self.number, state);
    }

    pub(crate) fn get(&self, column: Column) -> u64 {
        self.board.of(self.number, column).load(SeqCst)
    }

    pub(crate) fn set(&self, column: Column, value: u64) {
        self.board.of(self.number, column).store(value, SeqCst);
    }

    pub(crate) fn count(&self, column: Column) {
        self.board.of(self.number, column).fetch_add(1, SeqCst);
    }

    /// Has completed something: it does not hang.
    pub(crate) fn section(&self) {
        self.count(Column::Sections);
        self.publish(State::Outside);
    }
}

pub(crate) struct Pool<'a, G> {
    game: &'a G,
    pub(crate) board: &'a Board,
    pub(crate) dice: Dice,
    workers: Vec<Option<Child>>,
}

impl<'a, G: Game> Pool<'a, G> {
    pub(crate) fn start(game: &'a G, board: &'a Board, dice: Dice) -> Self {
        let workers = (0..G::WORKERS).map(|_| None).collect();
        for (number, life) in (0..G::WORKERS).zip(1..) {
            board.of(number, Column::Life).store(life, SeqCst);
        }
        let mut pool = Self { game, board, dice, workers };
        pool.replace();
        pool
    }

    /// Forks a worker for each that is dead.
    pub(crate) fn replace(&mut self) {
        for number in 0..self.workers.len() {
            if self.workers[number].is_some() {
                continue;
            }
            let life = self.board.of(number, Column::Life).load(SeqCst) + G::WORKERS as u64;
            let (board, dice) = (self.board, Dice::new(self.dice.roll()));
            board.of(number, Column::Life).store(life, SeqCst);
            board.publish(number, State::Outside);
            self.workers[number] = Some(Child::fork(|| {
                set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
                self.game.play(&mut Worker { number, life, board, dice });
                0
            }));
        }
    }

    pub(crate) fn living(&self) -> Vec<usize> {
        (0..self.workers.len()).filter(|number| self.workers[*number].is_some()).collect()
    }

    /// The living workers in this state.
    pub(crate) fn at(&self, state: State) -> Vec<usize> {
        self.living().into_iter().filter(|number| self.board.state(*number) == state).collect()
    }

    /// Kills a worker; once it is gone, tells what it was at.
    pub(crate) fn kill(&mut self, number: usize) -> State {
        let child = self.workers[number].take().unwrap();
        child.kill();
        let status = child.wait();
        assert_eq!(status.signal(), Some(9), "worker {number} had ended by itself, see above");
        self.board.state(number)
    }

    /// Fails if a worker has ended by itself: it has found something wrong, and said what.
    pub(crate) fn assert_all_live(&self) {
        for (number, child) in self.workers.iter().enumerate() {
            let ended = child.as_ref().is_some_and(|child| child.ends_within(Duration::ZERO));
            assert!(!ended, "worker {number} has ended by itself, see above");
        }
    }

    /// The number of sections that each worker has completed.
    pub(crate) fn sections(&self) -> Vec<u64> {
        let of = |number| self.board.of(number, Column::Sections).load(SeqCst);
        (0..self.workers.len()).map(of).collect()
    }

    /// Waits until each of those who live has completed enough sections since, and all else is as
    /// it should be.
    pub(crate) fn settle(&self, since: &[u64], mut is_settled: impl FnMut() -> bool) {
        let (mut looks, mut hanging) = (0, Vec::new());
        let settled = self.board.wait_for(HANGS / 2, || {
            looks += 1;
            if looks % 64 == 0 {
                self.assert_all_live();
            }
            let sections = self.sections();
            hanging = self.living();
            hanging.retain(|number| sections[*number] < since[*number] + G::SETTLED);
            (hanging.is_empty() && is_settled()).then_some(())
        });
        self.assert_all_live();
        let (living, board) = (self.living(), self.board.describe());
        let figures = format!("of {living:?}; sections {since:?} then, now\n{board}");
        assert!(hanging.is_empty(), "{hanging:?} hang {figures}");
        assert!(settled.is_some(), "nobody has recovered what the dead left, {figures}");
    }

    /// Lets all end, well.
    pub(crate) fn end(self) {
        self.board.common(Common::IsOver).store(1, SeqCst);
        for (number, child) in self.workers.into_iter().enumerate() {
            let Some(child) = child else { continue };
            assert!(child.ends_within(HANGS / 2), "{number} hangs\n{}", self.board.describe());
            let status = child.wait();
            assert!(status.success(), "worker {number}: {status}, see above");
        }
    }
}

/// Ends this process if the whole game hangs, the killer included.
pub(crate) fn guard_against_hanging(rounds: u64) {
    process::die_if_hanging(u32::try_from(HANGS.as_secs() + rounds).unwrap());
}
