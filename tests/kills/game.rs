//! A game: rounds in which workers are killed at random moments while the others go on.

use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use shm_conformance::dice::Dice;
use shm_conformance::leaks;
use shmarray::BackendKind;

use crate::board::{Board, Column, Common, State};
use crate::pool::{Pool, Worker, guard_against_hanging};
use crate::report::{self, Line};

/// The work of the workers of a game, and what must hold however many of them were killed.
pub(crate) trait Game {
    const NAME: &'static str;
    const WORKERS: usize;
    /// A round counts if its victim was at one of these. Each must be hit.
    const STATES: &'static [State];
    /// Whether the survivors go on by themselves before the dead are replaced, and have to be told.
    const RESIZES: bool = false;
    /// Sections that each survivor completes after a death before the next.
    const SETTLED: u64 = 1;

    /// The arrays of the game.
    fn new(backend: BackendKind) -> Self;

    /// The work of one worker until the game is over. A worker that finds a fault panics, with figures.
    fn play(&self, worker: &mut Worker<'_>);

    /// Whether a dead worker leaves something that nobody has recovered yet.
    fn is_pending(&self, _deaths: &Deaths, _board: &Board) -> bool {
        false
    }

    /// Whether what the dead of a round left has been recovered. It may fail.
    fn is_recovered(&self, deaths: &Deaths, board: &Board) -> bool {
        !self.is_pending(deaths, board)
    }

    /// Takes away what was left by somebody whose death is past.
    fn forget(&self, _dead: &Victim) {}

    /// Looks at what is left when all workers have ended.
    fn end(&self, deaths: &Deaths, board: &Board);
}

/// The killed workers: in all, by state, and in this round.
#[derive(Default)]
pub(crate) struct Deaths {
    by_state: [u64; State::ALL.len()],
    pub(crate) all: u64,
    /// Those of this round.
    pub(crate) victims: Vec<Victim>,
    /// The recoveries before the round began.
    pub(crate) recovered_before: u64,
}

pub(crate) struct Victim {
    pub(crate) number: usize,
    pub(crate) life: u64,
    pub(crate) state: State,
    /// One more than its slot, if it had said so.
    pub(crate) slot: u64,
}

impl Deaths {
    pub(crate) fn at(&self, state: State) -> u64 {
        self.by_state[state as usize]
    }

    fn add(&mut self, victim: Victim) {
        self.by_state[victim.state as usize] += 1;
        self.all += 1;
        self.victims.push(victim);
    }
}

/// Plays a game on a backend until as many rounds count as there are to be.
pub(crate) fn run<G: Game>(backend: BackendKind) {
    let (rounds, seed) = (report::rounds(), report::seed());
    println!("{} on {backend}: {rounds} rounds, seed {seed}", G::NAME);
    guard_against_hanging(rounds);
    let start = Instant::now();
    leaks::none(|| {
        let (game, board) = (G::new(backend), Board::new(G::WORKERS));
        board.common(Common::Size).store(G::WORKERS as u64, SeqCst);
        let pool = Pool::start(&game, &board, Dice::new(seed));
        let mut rounds_of = Rounds { game: &game, pool, deaths: Deaths::default(), counted: 0 };
        rounds_of.pool.settle(&[0; 16], || true);
        while !rounds_of.is_enough(rounds) {
            rounds_of.next();
        }
        let Rounds { pool, deaths, counted, .. } = rounds_of;
        pool.end();
        game.end(&deaths, &board);
        report::add(Line {
            game: G::NAME,
            backend,
            counted,
            kills: deaths.all,
            states: G::STATES.iter().map(|state| (*state, deaths.at(*state))).collect(),
            recovered: board.sum(Column::Recovered),
            sections: board.sum(Column::Sections),
            time: start.elapsed(),
        });
    });
}

struct Rounds<'a, G> {
    game: &'a G,
    pool: Pool<'a, G>,
    deaths: Deaths,
    /// Rounds that counted: one of the victims was at something.
    counted: u64,
}

impl<G: Game> Rounds<'_, G> {
    /// Enough rounds have counted, and each state was hit. One that is never hit fails: no game
    /// needs ten times its rounds.
    fn is_enough(&self, rounds: u64) -> bool {
        let missed: Vec<_> =
            G::STATES.iter().filter(|state| self.deaths.at(**state) * 40 < rounds).collect();
        assert!(
            self.deaths.all < 100 + 10 * rounds,
            "{} kills, {} rounds counted of {rounds}; hardly hit: {missed:?} of {:?}",
            self.deaths.all,
            self.counted,
            State::ALL.map(|state| (state, self.deaths.at(state)))
        );
        self.counted >= rounds && missed.is_empty()
    }

    fn next(&mut self) {
        let (aim, random) = (self.aim(), self.pool.dice.one_in(4));
        let needs = aim.needs().iter().find(|state| G::STATES.contains(state)).copied();
        let two = needs.is_some() || self.pool.dice.one_in(4);
        let victims = if two { 2 } else { 1 };
        let at_once = self.pool.dice.one_in(2);
        if G::RESIZES && !at_once {
            self.resize(G::WORKERS - victims, false);
        }
        self.deaths.victims.drain(..).for_each(|victim| self.game.forget(&victim));
        for number in 0..G::WORKERS {
            self.pool.board.of(number, Column::Breaker).store(0, SeqCst);
        }
        self.deaths.recovered_before = self.pool.board.sum(Column::Recovered);
        self.kill(if random { None } else { needs.or(Some(aim)) });
        if two {
            let is_after = needs.is_some() && aim != State::Rescuing;
            self.kill(Some(if is_after { aim } else { State::Waiting }));
        }
        let since = self.pool.sections();
        let counts = self.deaths.victims.iter().any(|victim| G::STATES.contains(&victim.state));
        self.counted += u64::from(counts);
        if at_once {
            self.pool.replace();
        }
        let (deaths, board) = (&self.deaths, self.pool.board);
        self.pool.settle(&since, || self.game.is_recovered(deaths, board));
        if !at_once {
            if G::RESIZES {
                self.resize(G::WORKERS, true);
            }
            let since = self.pool.sections();
            self.pool.replace();
            if G::RESIZES {
                self.pool.settle(&since, || true);
            }
        }
    }

    fn resize(&self, size: usize, tell: bool) {
        self.pool.board.common(Common::Size).store(size as u64, SeqCst);
        if tell {
            self.pool.board.common(Common::Resized).fetch_add(1, SeqCst);
        }
    }

    /// The state in which the fewest workers were killed so far.
    fn aim(&self) -> State {
        *G::STATES.iter().min_by_key(|state| self.deaths.at(**state)).unwrap()
    }

    /// Kills a worker at a random moment, soon after one is seen at what is aimed at.
    fn kill(&mut self, aim: Option<State>) {
        const TIMEOUT: Duration = Duration::from_millis(50);
        let seen = aim.and_then(|state| {
            self.pool.board.wait_for(TIMEOUT, || {
                let there = self.pool.at(state);
                self.pool.dice.pick(&there).copied()
            })
        });
        let living = self.pool.living();
        let number = seen.unwrap_or_else(|| *self.pool.dice.pick(&living).unwrap());
        let most = [0, 10, 50, 300][usize::try_from(self.pool.dice.below(4)).unwrap()];
        self.pool.dice.dawdle(most);
        let mut state = self.pool.kill(number);
        if state == State::Waiting && self.game.is_pending(&self.deaths, self.pool.board) {
            state = State::Rescuing;
        }
        let of = |column| self.pool.board.of(number, column).load(SeqCst);
        let (life, slot) = (of(Column::Life), of(Column::Slot));
        self.deaths.add(Victim { number, life, state, slot });
    }
}
