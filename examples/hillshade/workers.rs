//! The workers, as the process that starts them sees them: it starts them, opens the gate, follows
//! their reports, and sees each of them end.
//!
//! A worker that fails or dies is an error that names it. Whatever happens, no worker outlives
//! the [`Crew`]; and if this process dies, the gate tells the workers.
#![allow(unsafe_code)] // `fork`, and leaving a forked worker

use std::fmt;
use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, bail, ensure};
use ndarray::Ix2;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid};
use shmarray::{SharedArray, pass};

use crate::cli::{Start, worker_args};
use crate::horn::{Light, bands};
use crate::maps::Memory;
use crate::protocol::Report;
use crate::worker::{self, Task};

/// More than any report: a longer line is not one.
const LONGEST_LINE: usize = 1 << 16;

/// The shared arrays, and what to do with them.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) elevation: &'a SharedArray<f64, Ix2>,
    pub(crate) shade: &'a SharedArray<f32, Ix2>,
    pub(crate) light: Light,
}

/// All workers of a job.
pub(crate) struct Crew {
    workers: Vec<Worker>,
    /// Each worker takes one byte from it before it begins. Closed by the end of this process.
    gate: PipeWriter,
}

struct Worker {
    name: Name,
    pid: Pid,
    reports: PipeReader,
    /// What has come of the next report.
    line: Vec<u8>,
    memory: Option<Memory>,
    is_done: bool,
    has_ended: bool,
}

/// A worker in messages.
#[derive(Clone)]
struct Name {
    number: usize,
    rows: Range<usize>,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} (rows {}..{})", self.number, self.rows.start, self.rows.end)
    }
}

impl Crew {
    /// Starts `count` workers, each with its band of rows.
    ///
    /// Forking must come before this process starts a thread.
    ///
    /// # Errors
    /// Names the worker that cannot be started.
    pub(crate) fn start(start: Start, count: NonZeroUsize, job: Job<'_>) -> Result<Self> {
        let (shut, gate) = std::io::pipe().context("cannot make the workers' gate")?;
        let mut crew = Self { workers: Vec::with_capacity(count.get()), gate };
        for (number, rows) in (1..).zip(bands(job.shade.shape()[0], count)) {
            let name = Name { number, rows };
            let task = Task { rows: name.rows.clone(), light: job.light };
            let started = match start {
                Start::Spawn => spawn(&task, job, &shut),
                Start::Fork => crew.fork(&task, job, &shut),
            };
            let (pid, reports) = started.with_context(|| {
                format!("{name} cannot be started; if a limit is reached, use fewer --workers")
            })?;
            crew.workers.push(Worker::new(name, pid, reports));
        }
        Ok(crew)
    }

    fn fork(&self, task: &Task, job: Job<'_>, gate: &PipeReader) -> Result<(Pid, PipeReader)> {
        let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
        ensure!(threads == 1, "this process has {threads} threads; fork comes before the first");
        let (reader, writer) = std::io::pipe()?;
        // SAFETY: this process has one thread, so that the child finds no lock held.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            // SAFETY: the child leaves by `_exit` below and never uses `self.gate`. It must not
            // hold the gate open itself, or it would not be told if its parent dies.
            unsafe { rustix::io::close(self.gate.as_raw_fd()) };
            let code = worker::forked(task, job.elevation, job.shade, gate, &writer);
            // SAFETY: it only ends the process. The parent's values are not dropped in the child.
            unsafe { libc::_exit(code.into()) };
        }
        let pid = Pid::from_raw(pid).filter(|_| pid > 0);
        Ok((pid.ok_or_else(std::io::Error::last_os_error)?, reader))
    }

    /// The process ids of the workers, in their order.
    pub(crate) fn pids(&self) -> impl Iterator<Item = i32> {
        self.workers.iter().map(|worker| worker.pid.as_raw_nonzero().get())
    }

    /// Waits until every worker has mapped the arrays. Tells what memory each of them sees.
    ///
    /// # Errors
    /// Names the worker that failed or died.
    pub(crate) fn wait_until_ready(&mut self) -> Result<Vec<Memory>> {
        while !self.workers.iter().all(|worker| worker.memory.is_some()) {
            self.wait_for_reports(&mut |_| ())?;
        }
        Ok(self.workers.iter().filter_map(|worker| worker.memory.clone()).collect())
    }

    /// Lets the workers begin, and waits until all have ended; `progress` is told of each number
    /// of rows that is done.
    ///
    /// # Errors
    /// Names the worker that failed or died.
    pub(crate) fn run(mut self, mut progress: impl FnMut(usize)) -> Result<()> {
        // A pipe takes as many bytes without waiting; EPIPE: no worker is left, see their reports.
        match self.gate.write_all(&vec![0; self.workers.len()]) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => bail!("the gate: {error}"),
            _ => {}
        }
        while self.workers.iter().any(|worker| !worker.has_ended) {
            self.wait_for_reports(&mut progress)?;
        }
        Ok(())
    }

    /// Waits until a worker reports or ends, and takes note of it.
    fn wait_for_reports(&mut self, progress: &mut impl FnMut(usize)) -> Result<()> {
        let mut working: Vec<&mut Worker> =
            self.workers.iter_mut().filter(|worker| !worker.has_ended).collect();
        let mut pipes: Vec<PollFd<'_>> =
            working.iter().map(|worker| PollFd::new(&worker.reports, PollFlags::IN)).collect();
        match poll(&mut pipes, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => bail!("cannot wait for the workers: {error}"),
        }
        let ready: Vec<bool> = pipes.iter().map(|pipe| !pipe.revents().is_empty()).collect();
        for (worker, _) in working.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
            worker.listen(progress)?;
        }
        Ok(())
    }
}

impl Drop for Crew {
    /// After a failure: ends the workers that have not ended, and waits for them.
    fn drop(&mut self) {
        for worker in self.workers.iter().filter(|worker| !worker.has_ended) {
            // It has not been waited for, so the process id is still its own. It may be dead.
            let _ = kill_process(worker.pid, Signal::KILL);
            let _ = wait(worker.pid);
        }
    }
}

impl Worker {
    fn new(name: Name, pid: Pid, reports: PipeReader) -> Self {
        let line = Vec::new();
        Self { name, pid, reports, line, memory: None, is_done: false, has_ended: false }
    }

    /// Reads what there is, without waiting: `poll` said that there is something.
    fn listen(&mut self, progress: &mut impl FnMut(usize)) -> Result<()> {
        let mut bytes = [0; 4096];
        let count = match self.reports.read(&mut bytes) {
            Ok(0) => return self.end(),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            Err(error) => bail!("{}: its reports cannot be read: {error}", self.name),
        };
        for byte in bytes.iter().take(count) {
            if *byte != b'\n' {
                self.line.push(*byte);
                ensure!(self.line.len() < LONGEST_LINE, "{}: what it says is no report", self.name);
                continue;
            }
            let line = String::from_utf8_lossy(&self.line).into_owned();
            self.line.clear();
            match line.parse() {
                Ok(Report::Ready(memory)) => self.memory = Some(memory),
                Ok(Report::Rows(rows)) => progress(rows),
                Ok(Report::Done) => self.is_done = true,
                Ok(Report::Failed(why)) => bail!("{}: {why}", self.name),
                Err(why) => bail!("{}: {line:?} is {why}", self.name),
            }
        }
        Ok(())
    }

    /// Its end of the pipe is closed: sees how it ended.
    fn end(&mut self) -> Result<()> {
        let status = wait(self.pid).with_context(|| format!("cannot wait for {}", self.name))?;
        self.has_ended = true;
        match (status.terminating_signal(), status.exit_status()) {
            (_, Some(0)) if self.is_done => Ok(()),
            (Some(signal), _) => {
                Err(anyhow!("{} was killed by signal {signal} before it was done", self.name))
            }
            (_, code) => {
                let code = code.unwrap_or(-1);
                Err(anyhow!("{} ended with code {code} before it was done", self.name))
            }
        }
    }
}

/// Starts this program anew as a worker, and hands it the arrays.
fn spawn(task: &Task, job: Job<'_>, gate: &PipeReader) -> Result<(Pid, PipeReader)> {
    let (reader, writer) = std::io::pipe()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(worker_args(&task.rows, &task.light));
    command.stdin(gate.try_clone()?).stdout(writer).stderr(Stdio::inherit());
    pass::inherit(&mut command, worker::ELEVATION, job.elevation)?;
    pass::inherit(&mut command, worker::SHADE, job.shade)?;
    let child = command.spawn()?;
    Ok((Pid::from_child(&child), reader))
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
