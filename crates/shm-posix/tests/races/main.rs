//! Many processes that create, attach, leave, replace, delete, destroy, collect, fork and die at
//! random on the same names, under every policy.
//!
//! - `board.rs`: what they tell each other, so that a name that is lost to nobody is noticed;
//! - `player.rs`: what a process does, and what it finds out.
//!
//! A round is a process that is killed at a random moment, and replaced.
//! `SHMARRAY_RACE_ROUNDS` says how many rounds each race has (750). `SHMARRAY_RACE_SEED` brings a
//! seed back that was printed: the same random numbers, though not the same moments.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

mod board;
#[allow(dead_code)] // some of it is for the other tests
#[path = "../common/mod.rs"]
mod common;
mod player;

use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant, SystemTime};

use shm_conformance::dice::Dice;
use shm_conformance::process::{self, Alarm, Child};
use shm_conformance::{leaks, private, unique_name};
use shm_core::{Access, Cleanup, Name, Named};
use shm_posix::{Posix, Publish};

use board::{Board, Count, NAMES, WORKERS};
use common::{Array, attach, holds};
use player::{Player, assert_persists, file_at, found};

/// Steps of a process that is not killed.
const STEPS: u64 = 2000;

fn main() {
    process::main(
        &[],
        &[
            ("a_name_leads_to_whoever_is_present", || race("peace", peace, true)),
            ("whoever_attaches_finds_a_whole_array", || race("war", war, false)),
            ("a_successor_keeps_its_name", || race("succession", succession, false)),
        ],
    );
}

/// A number that the environment gives. What is none fails the test.
fn given(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{variable}={text}: {error}")))
}

/// Runs processes at the same time, kills and replaces them at random, and lets the last ones
/// finish. `by_file` says that nobody removes whatever bears a name.
fn race(what: &str, play: fn(&mut Player<'_>), by_file: bool) {
    let rounds = given("SHMARRAY_RACE_ROUNDS").unwrap_or(750).max(1);
    let now = || SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos().into();
    let seed = given("SHMARRAY_RACE_SEED").unwrap_or_else(now);
    println!("{what}: {rounds} rounds, seed {seed}");
    let (names, board, start) = (["a", "b", "c"].map(unique_name), Board::new(), Instant::now());
    let mut dice = Dice::new(seed);
    let alarm = Alarm::new();
    let fork = |worker: usize, dice: &mut Dice| {
        let dice = Dice::new(dice.roll());
        Child::fork(|| {
            process::die_if_hanging(100);
            alarm.arm();
            play(&mut Player::new(worker, dice, &names, &board));
            0
        })
    };
    let mut workers: [_; WORKERS] = std::array::from_fn(|worker| Some(fork(worker, &mut dice)));
    let mut killed = 0;
    for _ in 0..rounds {
        let worker = dice.index(WORKERS);
        let child = workers[worker].take().unwrap();
        let ends = child.ends_within(Duration::from_micros(dice.below(4000)));
        child.kill();
        let status = child.wait();
        assert!(status.success() || status.signal() == Some(9), "{status}, see above");
        killed += u64::from(!ends);
        board.removes_no_more(worker);
        workers[worker] = Some(fork(worker, &mut dice));
    }
    for child in workers.into_iter().flatten() {
        let status = child.wait();
        assert!(status.success(), "{status}");
    }
    alarm.assert_silent();
    let persistent = settle(&names, &board, by_file);
    let figures: Vec<_> =
        Count::ALL.iter().map(|what| format!("{what:?} {}", board.counted(*what))).collect();
    println!(
        "{what}: {rounds} rounds, {killed} killed; {}; {persistent} persisted; {:.1} s",
        figures.join(", "),
        start.elapsed().as_secs_f64()
    );
}

/// When all have ended, one collection leaves what is to persist, and nothing else.
fn settle(names: &[Name; NAMES], board: &Board, by_file: bool) -> usize {
    let before = names.each_ref().map(persistent_file);
    Posix::default().collect().unwrap();
    for (at, name) in names.iter().enumerate() {
        if by_file {
            assert_persists(board, at, name);
        }
        assert_eq!(file_at(name), before[at].unwrap_or(0), "{name}");
    }
    let persistent = before.iter().flatten().count();
    if private::is_private() {
        assert_eq!(leaks::entries().len(), persistent, "{:?}", leaks::entries());
    }
    for name in names {
        assert!(Posix::default().delete(name).unwrap());
    }
    persistent
}

/// The file under a name, if there is one that is to persist.
fn persistent_file(name: &Name) -> Option<u64> {
    let file = std::fs::File::open(format!("/dev/shm/{name}")).ok()?;
    let metadata = file.metadata().unwrap();
    let header = shm_map::read_header(&file, metadata.len()).unwrap();
    (header.cleanup() == Cleanup::Persist).then(|| metadata.ino())
}

/// Nobody removes by name: so each name leads to whoever is present, until an owner leaves, or
/// somebody destroys it.
fn peace(player: &mut Player<'_>) {
    for _ in 0..STEPS {
        match player.dice.below(16) {
            0..7 => player.create(false),
            7 => player.collect(),
            8 => player.fork(),
            9 => player.destroy(),
            _ => player.attach(),
        }
        player.check();
        player.check_persistent();
        player.leave_some();
    }
    player.leave_all();
}

/// Everybody does everything: whoever gets an array gets a whole one.
fn war(player: &mut Player<'_>) {
    for _ in 0..STEPS {
        match player.dice.below(16) {
            0..5 => player.create(false),
            5 => player.create(true),
            6 => player.delete(),
            7 => player.destroy(),
            8 => player.collect(),
            9 => player.fork(),
            _ => player.attach(),
        }
        player.check();
        player.leave_some();
    }
    player.leave_all();
}

/// The first worker is the only one who replaces, so its newest array has the name until it makes
/// the next one, however many leave the older ones meanwhile.
fn succession(player: &mut Player<'_>) {
    if player.worker == 0 { replace(player) } else { come_and_go(player) }
}

fn replace(player: &mut Player<'_>) {
    let mut newest: Option<Array> = None;
    for step in 1..=STEPS / 10 {
        let publish = *player.dice.pick(&[Publish::Unnamed, Publish::Temporary]).unwrap();
        let value = u8::try_from(1 + step % 255).unwrap();
        let new = common::create(publish, &player.names[0], value, true);
        player.board.count(Count::Forced);
        drop(newest.replace(new));
        for _ in 0..player.dice.below(8) {
            assert!(newest.as_ref().is_some_and(holds), "a predecessor took the name along");
            player.board.count(Count::Kept);
            std::thread::yield_now();
        }
    }
}

fn come_and_go(player: &mut Player<'_>) {
    let mut held = Vec::new();
    for _ in 0..STEPS {
        let access = *player.dice.pick(&[Access::ReadOnly, Access::ReadWrite]).unwrap();
        held.extend(found(attach(&player.names[0], access)));
        player.board.count(Count::Attached);
        if held.len() > 2 || player.dice.one_in(2) {
            held.clear();
        }
    }
}
