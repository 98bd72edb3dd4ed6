//! The workers, as the process that starts them sees them: it starts them, follows their reports,
//! and sees each of them end.
//!
//! A worker that reports an error fails the run. One that dies does not: what it held goes to the
//! others. Whatever happens, no worker outlives the [`Team`], nor this process.
#![allow(unsafe_code)] // `fork`, and leaving a forked worker

use std::collections::BTreeSet;
use std::fmt;
use std::io::{ErrorKind, PipeReader, Read};
use std::num::NonZeroUsize;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};
use shmarray::{sync::RoundProgress, transfer};

use crate::cli::{Start, worker_args};
use crate::maps::Memory;
use crate::protocol::Report;
use crate::worker::{self, Arrays, Orders};

/// More than any report: a longer line is not one.
const LONGEST_LINE: usize = 1 << 16;

/// All workers of a run.
pub(crate) struct Team<'a> {
    arrays: Arrays<'a>,
    orders: Orders,
    workers: Vec<Worker>,
    losses: Losses,
}

/// The workers that died, and the work that this cost.
#[derive(Clone, Debug, Default)]
pub(crate) struct Losses {
    /// The workers that died, each with the reason; for the one that was killed on purpose, also its chunk.
    pub(crate) dead: Vec<String>,
    /// The chunks that went back, and were done again.
    pub(crate) again: BTreeSet<u32>,
    /// How many chunks this process did, since no worker was left.
    pub(crate) rest: usize,
}

struct Worker {
    name: Name,
    reports: PipeReader,
    /// The part of the next report that has come so far.
    line: Vec<u8>,
    memory: Option<Memory>,
    /// Its chunk when it was killed on purpose, for the report of its death.
    held: String,
    has_ended: bool,
}

/// A worker in messages.
#[derive(Clone, Copy)]
struct Name {
    number: usize,
    pid: Pid,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} (process {})", self.number, self.pid.as_raw_nonzero())
    }
}

impl<'a> Team<'a> {
    /// Starts `count` workers. They begin as soon as chunks can be had.
    ///
    /// Forking must come before this process starts a thread.
    ///
    /// # Errors
    /// Names the worker that cannot be started.
    pub(crate) fn start(
        start: Start,
        count: NonZeroUsize,
        arrays: Arrays<'a>,
        orders: Orders,
    ) -> Result<Self> {
        let workers = Vec::with_capacity(count.get());
        let mut team = Self { arrays, orders, workers, losses: Losses::default() };
        for number in 1..=count.get() {
            let started = match start {
                Start::Spawn => spawn(arrays, &orders),
                Start::Fork => fork(arrays, &orders),
            };
            let (pid, reports) = started.with_context(|| {
                format!(
                    "worker {number} cannot be started; if a limit is reached, use fewer --workers"
                )
            })?;
            team.workers.push(Worker::new(Name { number, pid }, reports));
        }
        Ok(team)
    }

    /// The process ids of the workers, in their order.
    pub(crate) fn pids(&self) -> impl Iterator<Item = i32> {
        self.workers.iter().map(|worker| worker.name.pid.as_raw_nonzero().get())
    }

    /// Waits until every worker that lives has mapped the arrays, and checks that it sees the
    /// memory that this process sees.
    ///
    /// # Errors
    /// Names the worker that failed, or sees other memory.
    pub(crate) fn wait_until_ready(&mut self) -> Result<()> {
        while self.workers.iter().any(|worker| worker.memory.is_none() && !worker.has_ended) {
            self.wait_for_reports()?;
        }
        let memory = self.arrays.memory();
        for Worker { name, memory: other, .. } in &self.workers {
            let Some(other) = other else { continue };
            ensure!(*other == memory, "{name} sees other memory: {other}, not {memory}");
        }
        Ok(())
    }

    /// Waits until all have ended, and kills the one that waits for that.
    ///
    /// # Errors
    /// Names the worker that failed.
    pub(crate) fn wait_until_ended(mut self) -> Result<Losses> {
        while self.workers.iter().any(|worker| !worker.has_ended) {
            self.wait_for_reports()?;
        }
        Ok(std::mem::take(&mut self.losses))
    }

    /// Waits until a worker reports or ends, and takes note of it.
    fn wait_for_reports(&mut self) -> Result<()> {
        let working: Vec<&mut Worker> =
            self.workers.iter_mut().filter(|worker| !worker.has_ended).collect();
        let mut pipes: Vec<PollFd<'_>> =
            working.iter().map(|worker| PollFd::new(&worker.reports, PollFlags::IN)).collect();
        match poll(&mut pipes, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => bail!("cannot wait for the workers: {error}"),
        }
        let ready: Vec<bool> = pipes.iter().map(|pipe| !pipe.revents().is_empty()).collect();
        let pass = self.arrays.shade.chunks(self.orders.rows.get())?;
        for (worker, _) in working.into_iter().zip(ready).filter(|(_, ready)| *ready) {
            let Some(reports) = worker.listen()? else {
                self.losses.dead.extend(worker.end()?);
                continue;
            };
            for report in reports {
                match report {
                    Report::Ready(memory) => worker.memory = Some(memory),
                    Report::Holds(chunk) => worker.kill(chunk, pass.progress()?)?,
                    Report::Again(chunk) => _ = self.losses.again.insert(chunk),
                    Report::Failed(why) => bail!("{}: {why}", worker.name),
                }
            }
        }
        Ok(())
    }
}

impl Drop for Team<'_> {
    /// After a failure: ends the workers that have not ended, and waits for them.
    fn drop(&mut self) {
        for worker in self.workers.iter().filter(|worker| !worker.has_ended) {
            // This process has not waited for the worker, so the process id is still the worker's, even if
            // the worker is dead.
            let _ = kill_process(worker.name.pid, Signal::KILL);
            let _ = wait(worker.name.pid);
        }
    }
}

impl Worker {
    fn new(name: Name, reports: PipeReader) -> Self {
        let (line, held) = (Vec::new(), String::new());
        Self { name, reports, line, memory: None, held, has_ended: false }
    }

    /// Reads what there is, without waiting: `poll` said that there is something. None if it has
    /// ended.
    fn listen(&mut self) -> Result<Option<Vec<Report>>> {
        let mut bytes = [0; 4096];
        let count = match self.reports.read(&mut bytes) {
            Ok(0) => return Ok(None),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => 0,
            Err(error) => bail!("{}: its reports cannot be read: {error}", self.name),
        };
        let mut reports = Vec::new();
        for byte in bytes.iter().take(count) {
            if *byte != b'\n' {
                self.line.push(*byte);
                ensure!(self.line.len() < LONGEST_LINE, "{}: what it says is no report", self.name);
                continue;
            }
            let line = String::from_utf8_lossy(&self.line).into_owned();
            self.line.clear();
            let report = line.parse().map_err(|why| anyhow!("{}: {line:?} is {why}", self.name))?;
            reports.push(report);
        }
        Ok(Some(reports))
    }

    /// Kills it, as it holds this chunk and the round is so far.
    fn kill(
        &mut self,
        chunk: u32,
        RoundProgress { done, chunks, .. }: RoundProgress,
    ) -> Result<()> {
        self.held = format!(", as asked, holding chunk {chunk} with {done} of {chunks} done");
        Ok(kill_process(self.name.pid, Signal::KILL)?)
    }

    /// Its end of the pipe is closed: sees how it ended. None if it was well.
    fn end(&mut self) -> Result<Option<String>> {
        let Self { name, held, .. } = self;
        let status = wait(name.pid).with_context(|| format!("cannot wait for {name}"))?;
        self.has_ended = true;
        Ok(match (status.terminating_signal(), status.exit_status()) {
            (_, Some(0)) => None,
            (Some(signal), _) => Some(format!("{name} of signal {signal}{held}")),
            (_, code) => Some(format!("{name} with exit code {}", code.unwrap_or(-1))),
        })
    }
}

/// Starts this program anew as a worker, and hands it the arrays.
fn spawn(arrays: Arrays<'_>, orders: &Orders) -> Result<(Pid, PipeReader)> {
    let (reader, writer) = std::io::pipe()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(worker_args(orders.parent, orders.rows, &orders.light, orders.kill_one));
    command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::inherit());
    transfer::inherit(&mut command, worker::ELEVATION, arrays.elevation)?;
    transfer::inherit(&mut command, worker::SHADE, arrays.shade)?;
    let child = command.spawn()?;
    Ok((Pid::from_child(&child), reader))
}

/// Copies this process as a worker, which has the arrays.
fn fork(arrays: Arrays<'_>, orders: &Orders) -> Result<(Pid, PipeReader)> {
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    ensure!(threads == 1, "this process has {threads} threads; fork comes before the first");
    let (reader, writer) = std::io::pipe()?;
    // SAFETY: this process has one thread, so that the child finds no lock held.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let code = worker::forked(arrays, orders, &writer);
        // SAFETY: it only ends the process. The parent's values are not dropped in the child.
        unsafe { libc::_exit(code.into()) };
    }
    let pid = Pid::from_raw(pid).filter(|_| pid > 0);
    Ok((pid.ok_or_else(std::io::Error::last_os_error)?, reader))
}

/// Waits for the end of a child.
fn wait(pid: Pid) -> Result<WaitStatus> {
    loop {
        match waitpid(Some(pid), WaitOptions::empty()) {
            Ok(Some((_, status))) => return Ok(status),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
