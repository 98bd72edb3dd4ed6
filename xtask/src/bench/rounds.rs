//! The rounds: in each, every contender of every row is measured, in a process of its own.
//!
//! Contenders of one row follow each other, so that what disturbs the machine for a while disturbs
//! all of them. Each contender begins in turn.
//!
//! An operation of microseconds depends on where the kernel put a process (how many page tables an
//! unmapping frees), and on the pace of a machine that others share, which changes within a second. So it
//! is measured in several processes for a shorter time each, one contender after the other.
//!
//! Where chance would decide on a goal all the same, the contenders of that goal are measured in more rounds.

use std::collections::BTreeSet;
use std::io::Read;
use std::ops::Range;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use rustix::process::{Pid, Signal, kill_process_group};

use super::contest::{Goal, Measurement, Role, Row};
use super::interrupt::Interrupt;
use super::outcome::Line;
use super::samples::Samples;
use crate::cargo::joined;

/// A measurement takes seconds; a measurement that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// The number of these processes, if they start quickly. They share the time of one.
pub(crate) const PROCESSES: usize = 8;

/// How many times as many rounds there are where a goal would be left to chance.
pub(crate) const IF_CLOSE: usize = 2;

/// Another process starts only while they have taken less than this. A contender that makes 30 000 arrays
/// first, or imports NumPy, has only one or two.
const SHARE: Duration = Duration::from_millis(300);

/// The time between two looks at a running measurement.
const GLANCE: Duration = Duration::from_millis(250);

/// How it is measured.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// How long a measurement takes at least, in milliseconds.
    pub(crate) millis: u64,
    /// A measurement that takes longer is ended.
    pub(crate) limit: Duration,
    /// Another process of a contender starts only while those of this round have taken less.
    pub(crate) share: Duration,
}

impl Plan {
    pub(crate) fn new(rounds: usize, millis: u64) -> Self {
        Self { rounds, millis, limit: LIMIT, share: SHARE }
    }

    /// How many measurements it takes, if all processes of one contender in one round count as one,
    /// without the further rounds.
    pub(crate) fn steps(&self, rows: &[Row]) -> usize {
        self.rounds * rows.iter().map(|row| places(row).len()).sum::<usize>()
    }

    /// Measures all that can be run here: for each row, the samples of its contenders.
    pub(crate) fn run(
        &self,
        rows: &[Row],
        interrupt: &Interrupt,
        bar: &ProgressBar,
    ) -> Result<Vec<Vec<Samples>>> {
        let mut all: Vec<Vec<Samples>> = rows
            .iter()
            .map(|row| row.contenders.iter().map(|_| Samples::default()).collect())
            .collect();
        let places: Vec<_> = rows.iter().map(places).collect();
        self.rounds(0..self.rounds, rows, &places, &mut all, interrupt, bar)?;
        let close: Vec<_> = rows.iter().zip(&all).map(|(row, all)| close(row, all)).collect();
        let count: usize = close.iter().map(Vec::len).sum();
        if count > 0 {
            let further = self.rounds..self.rounds * IF_CLOSE;
            bar.inc_length((count * further.len()) as u64);
            self.rounds(further, rows, &close, &mut all, interrupt, bar)?;
        }
        Ok(all)
    }

    /// Measures some contenders of each row, by their indices in it.
    fn rounds(
        &self,
        rounds: Range<usize>,
        rows: &[Row],
        places: &[Vec<usize>],
        all: &mut [Vec<Samples>],
        interrupt: &Interrupt,
        bar: &ProgressBar,
    ) -> Result<()> {
        for round in rounds.clone() {
            let said = format!("round {} of {}", round + 1, rounds.end);
            if bar.is_hidden() {
                println!("{said}");
            }
            bar.set_prefix(said);
            for ((row, places), samples) in rows.iter().zip(places).zip(&mut *all) {
                for turn in 0..PROCESSES {
                    for place in in_turn(round + turn, places) {
                        self.step(turn, row, place, &mut samples[place], interrupt, bar)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The next process of a contender in this round, if it is to have one.
    fn step(
        &self,
        turn: usize,
        row: &Row,
        place: usize,
        samples: &mut Samples,
        interrupt: &Interrupt,
        bar: &ProgressBar,
    ) -> Result<()> {
        let contender = &row.contenders[place];
        if turn > 0 && (!samples.is_short() || samples.spent > self.share) {
            return Ok(());
        }
        bar.set_message(format!("{} {}", row.key, contender.name));
        if samples.error.is_none() {
            if turn == 0 {
                samples.spent = Duration::ZERO;
                samples.rounds.push(Vec::new());
            }
            let millis = if samples.is_short() { self.each_millis() } else { self.millis };
            let command = contender.program.measure(&row.key, &contender.name, millis);
            let start = Instant::now();
            let measured = self.measure(command, interrupt)?;
            samples.spent += start.elapsed();
            match measured {
                Ok(measurement) => {
                    samples.rounds.last_mut().context("no round")?.push(measurement.of_one());
                    for note in measurement.notes {
                        if !samples.notes.contains(&note) {
                            samples.notes.push(note);
                        }
                    }
                }
                Err(error) => {
                    bar.suspend(|| println!("{} {}: {error}", row.key, contender.name));
                    *samples = Samples { error: Some(error), ..Samples::default() };
                }
            }
        }
        if turn == 0 {
            bar.inc(1);
        }
        if interrupt.asked() {
            bail!("interrupted: nothing is written");
        }
        Ok(())
    }

    /// How long each process measures, where there are several.
    pub(crate) fn each_millis(&self) -> u64 {
        self.millis.div_ceil(PROCESSES as u64)
    }

    /// One measurement, or why it failed. Its process has a group of its own, so that Ctrl-C at a terminal
    /// reaches this process alone.
    fn measure(
        &self,
        mut command: Command,
        interrupt: &Interrupt,
    ) -> Result<Result<Measurement, String>> {
        let before = entries();
        command.process_group(0);
        let mut reader = joined(&mut command)?;
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return Ok(Err(error.to_string())),
        };
        drop(command); // and with it this process's end of the pipe, so that the child's is the last
        let (send, parts) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = vec![0; 1 << 12];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                let _ = send.send(bytes[..count].to_vec());
            }
        });
        let (start, mut output, mut ended) = (Instant::now(), Vec::new(), None);
        loop {
            match parts.recv_timeout(GLANCE) {
                Ok(part) => output.extend(part),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if interrupt.insisted() {
                ended = Some("ended");
            } else if start.elapsed() > self.limit {
                ended = Some("hangs, ended");
            }
            if ended.is_some() {
                kill_process_group(Pid::from_child(&child), Signal::KILL)
                    .context("cannot end a measurement")?;
                break;
            }
        }
        let status = child.wait()?;
        let output = String::from_utf8_lossy(&output);
        Ok(match (ended, Measurement::find(&output)) {
            (Some(why), _) => {
                let seconds = start.elapsed().as_secs();
                let new: Vec<_> = entries().difference(&before).cloned().collect();
                let left = if new.is_empty() { "nothing".into() } else { new.join(", ") };
                Err(format!("{why} after {seconds} s; new in /dev/shm: {left}"))
            }
            (None, Some(measurement)) if status.success() => Ok(measurement),
            (None, _) => Err(format!("{status}: {}", telling(&output))),
        })
    }
}

/// All places of a row, if it can be run.
fn places(row: &Row) -> Vec<usize> {
    if row.not_ready.is_none() { (0..row.contenders.len()).collect() } else { Vec::new() }
}

/// The indices of the contenders of a row's goal, if chance would decide on it.
fn close(row: &Row, samples: &[Samples]) -> Vec<usize> {
    if !Line::new(row, samples.to_vec()).is_close() {
        return Vec::new();
    }
    let other = if matches!(row.goal, Some(Goal::OfPeer(_))) { Role::Peer } else { Role::Floor };
    let concerns = |place: &usize| [Role::Ours, other].contains(&row.contenders[*place].role);
    places(row).into_iter().filter(concerns).collect()
}

/// The names in `/dev/shm`, as a killed measurement leaves its own.
fn entries() -> BTreeSet<String> {
    let names = std::fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// The places in the order in which they are measured in a round: each begins in turn.
fn in_turn(round: usize, places: &[usize]) -> impl Iterator<Item = usize> {
    (0..places.len()).map(move |at| places[(round + at) % places.len()])
}

/// The line of a failed program's output that says the most: what it panicked with, or its last.
fn telling(output: &str) -> &str {
    let mut lines = output.lines().map(str::trim).filter(|line| !line.is_empty());
    let panicked = output.lines().skip_while(|line| !line.contains("panicked at")).nth(1);
    panicked.or_else(|| lines.next_back()).unwrap_or("it said nothing").trim()
}

#[cfg(test)]
mod tests;
