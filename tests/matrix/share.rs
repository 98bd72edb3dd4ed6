//! The creator's side of a cell: makes an array, and has the other process answer.
#![allow(unsafe_code)] // fork and waitpid

use std::io::Write;
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, ensure};
use shmarray::prelude::*;

use crate::array::{SHAPE, Shared, again, answer, check_answer, first};
use crate::cell::Start;
use crate::traces::Traces;

/// Makes the array of a cell, with `tag` in its name.
pub(crate) fn create(backend: Option<BackendKind>, start: Start, tag: &str) -> Result<Shared> {
    let builder = Shared::builder(SHAPE).unique(tag);
    let builder = match (backend, start) {
        (Some(kind), _) => builder.backend(kind),
        (None, Start::Same) => builder,
        (None, Start::Fork) => builder.workers(Workers::Forked),
        (None, Start::Spawn | Start::Unrelated) => builder.workers(Workers::Spawned),
    };
    Ok(builder.from_fn(first)?)
}

/// Shares an array with another process, and has it answered.
pub(crate) fn share(backend: Option<BackendKind>, start: Start, tag: &str) -> Result<()> {
    let early = match start {
        Start::Unrelated => Some(Partner::start(partner("payload").stdin(Stdio::piped()))?),
        _ => None,
    };
    let mut array = create(backend, start, tag)?;
    let anonymous = array.backend() == BackendKind::Mmap;
    let seen = anonymous || Traces::of(tag).is_any();
    ensure!(seen, "an array that lives leaves no trace, so that its end cannot be told");
    match start {
        Start::Same => answer(&again(&array)?)?,
        Start::Fork => array = fork(array)?,
        Start::Spawn => {
            let mut command = partner("take");
            shmarray::transfer::inherit(&mut command, "array", &array)?;
            Partner::start(&mut command)?.finish()?;
        }
        Start::Unrelated => {
            let payload = array.payload()?.to_bytes()?;
            early.context("it was started")?.tell(&payload)?.finish()?;
        }
    }
    // The others have left, and the array is there all the same.
    check_answer(&again(&array)?)
}

/// This program as the other process.
fn partner(role: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args(["partner", role]).stdin(Stdio::null());
    command
}

/// The other process, which does not outlive the cell.
struct Partner(Child);

impl Partner {
    fn start(command: &mut Command) -> Result<Self> {
        Ok(Self(command.spawn().context("cannot start the other process")?))
    }

    /// All that it is told, and the end.
    fn tell(mut self, bytes: &[u8]) -> Result<Self> {
        let mut pipe = self.0.stdin.take().context("its standard input is a pipe")?;
        pipe.write_all(bytes)?;
        Ok(self)
    }

    fn finish(mut self) -> Result<()> {
        let status = self.0.wait()?;
        ensure!(status.success(), "the other process: {status}");
        Ok(())
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Has a forked child answer: through what it inherited, and see that in a handle of its own.
fn fork(array: Shared) -> Result<Shared> {
    // SAFETY: this process has one thread, so the child may do whatever the parent may.
    let pid = unsafe { libc::fork() };
    ensure!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
    if pid == 0 {
        let done = again(&array).and_then(|own| answer(&array).and_then(|()| check_answer(&own)));
        if let Err(error) = &done {
            eprintln!("forked child: {error:#}");
        }
        drop(array); // which must take nothing from the parent
        // SAFETY: ends the child without running what the parent registered for its own end.
        unsafe { libc::_exit(i32::from(done.is_err())) };
    }
    let mut status = 0;
    // SAFETY: `status` is ours to be written; the child has not been waited for.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    ensure!(waited == pid, "waitpid: {}", std::io::Error::last_os_error());
    let status: ExitStatus = std::os::unix::process::ExitStatusExt::from_raw(status);
    ensure!(status.success(), "the forked child: {status}");
    Ok(array)
}
