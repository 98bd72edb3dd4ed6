//! The rounds: in each, every contender of every row is measured once, in a process of its own.
//!
//! Contenders of one row follow each other, so that what disturbs the machine for a while disturbs
//! all of them; who begins moves on from round to round.

use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use rustix::process::{Pid, Signal, kill_process_group};

use super::contest::{Measurement, Row};
use super::interrupt::Interrupt;
use crate::cargo::joined;

/// A measurement takes seconds; one that is not done by then hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// How often a measurement that runs is looked after.
const GLANCE: Duration = Duration::from_millis(250);

/// What was measured of one contender.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Samples {
    /// Nanoseconds of one operation, one figure for each round.
    pub(crate) rounds: Vec<f64>,
    /// Why there is none; it was not asked again.
    pub(crate) error: Option<String>,
    /// What it said of its measurements, each once.
    pub(crate) notes: Vec<String>,
}

/// How it is measured.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    /// How long a measurement takes at least, in milliseconds.
    pub(crate) millis: u64,
    /// When one is given up.
    pub(crate) limit: Duration,
}

impl Plan {
    pub(crate) fn new(rounds: usize, millis: u64) -> Self {
        Self { rounds, millis, limit: LIMIT }
    }

    /// How many measurements it takes.
    pub(crate) fn steps(&self, rows: &[Row]) -> usize {
        let contenders = |row: &Row| if row.not_ready.is_none() { row.contenders.len() } else { 0 };
        self.rounds * rows.iter().map(contenders).sum::<usize>()
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
        for round in 0..self.rounds {
            bar.set_prefix(format!("round {} of {}", round + 1, self.rounds));
            if bar.is_hidden() {
                println!("round {} of {}", round + 1, self.rounds);
            }
            for (row, samples) in rows.iter().zip(&mut all) {
                for place in order(round, row) {
                    self.step(row, place, &mut samples[place], interrupt, bar)?;
                }
            }
        }
        Ok(all)
    }

    fn step(
        &self,
        row: &Row,
        place: usize,
        samples: &mut Samples,
        interrupt: &Interrupt,
        bar: &ProgressBar,
    ) -> Result<()> {
        let contender = &row.contenders[place];
        bar.set_message(format!("{} {}", row.key, contender.name));
        if samples.error.is_none() {
            let command = contender.program.measure(&row.key, &contender.name, self.millis);
            match self.measure(command, interrupt)? {
                Ok(measurement) => {
                    samples.rounds.push(measurement.of_one());
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
        bar.inc(1);
        if interrupt.asked() {
            bail!("interrupted: nothing is written");
        }
        Ok(())
    }

    /// One measurement, or why it is none. It has a process group of its own: Ctrl-C at a terminal
    /// reaches us alone.
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

/// The names in `/dev/shm`: who is killed there removes nothing.
fn entries() -> BTreeSet<String> {
    let names = std::fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// In which order the contenders of a row are measured in a round: each begins in turn.
fn order(round: usize, row: &Row) -> impl Iterator<Item = usize> + use<> {
    let count = if row.not_ready.is_none() { row.contenders.len() } else { 0 };
    (0..count).map(move |place| (round + place) % count)
}

/// The line of a failed program's output that says the most: what it panicked with, or its last.
fn telling(output: &str) -> &str {
    let mut lines = output.lines().map(str::trim).filter(|line| !line.is_empty());
    let panicked = output.lines().skip_while(|line| !line.contains("panicked at")).nth(1);
    panicked.or_else(|| lines.next_back()).unwrap_or("it said nothing").trim()
}

#[cfg(test)]
mod tests;
