//! The number of rounds, the seed, and the results.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use shmarray::BackendKind;

use crate::board::State;

/// The result of a game.
pub(crate) struct Line {
    pub(crate) game: &'static str,
    pub(crate) backend: BackendKind,
    pub(crate) counted: u64,
    pub(crate) kills: u64,
    pub(crate) states: Vec<(State, u64)>,
    pub(crate) recovered: u64,
    pub(crate) sections: u64,
    pub(crate) time: Duration,
}

static LINES: Mutex<Vec<Line>> = Mutex::new(Vec::new());

/// A number that the environment gives. What is none fails the test.
fn given(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{variable}={text}: {error}")))
}

/// How many rounds of each game are to count, on each backend.
pub(crate) fn rounds() -> u64 {
    given("SHMARRAY_KILL_ROUNDS").unwrap_or(250).max(1)
}

/// The seed of a game's random numbers. It does not fix the moments at which processes run.
pub(crate) fn seed() -> u64 {
    let now = || SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    given("SHMARRAY_KILL_SEED").unwrap_or_else(|| now().into())
}

pub(crate) fn add(line: Line) {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).push(line);
}

/// Prints the kills of all games so far.
pub(crate) fn print() {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    println!("\ngame, backend: rounds counted / kills (kills by what the victim was at)");
    for line in lines.iter() {
        let Line { game, backend, counted, kills, recovered, sections, time, .. } = line;
        let states: Vec<_> =
            line.states.iter().map(|(state, count)| format!("{state:?} {count}")).collect();
        println!(
            "{game:>8} {backend:5} {counted:>5} / {kills:<5} ({}); {recovered} recoveries, \
             {sections} sections, {:.1} s",
            states.join(", "),
            time.as_secs_f64()
        );
    }
    let (counted, kills) = lines
        .iter()
        .fold((0, 0), |(counted, kills), line| (counted + line.counted, kills + line.kills));
    println!("   total       {counted:>5} / {kills}");
}
