//! Children that end with the thread that spawned them, and their end. See prctl(2), `pidfd_open(2)`.
#![allow(unsafe_code)] // pre_exec

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, getppid, pidfd_open, set_parent_process_death_signal,
};
use shm_core::Result;
use shm_map::system_error;

/// The signal outlives exec(2). A parent that has ended before it was asked for is noticed by its id.
#[allow(clippy::unnecessary_wraps)] // other systems refuse it
pub(crate) fn end_with_parent(command: &mut Command) -> Result<()> {
    let parent = getpid();
    let ask = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        if getppid() == Some(parent) { Ok(()) } else { Err(Errno::SRCH.into()) }
    };
    // SAFETY: between fork and exec this only calls prctl(2) and getppid(2), which neither allocate
    // nor lock; nor does an `io::Error` of a number.
    unsafe { command.pre_exec(ask) };
    Ok(())
}

/// Waits until one of them has ended, at most so long; it may return before.
pub(crate) fn wait_for_end(children: &[&mut Child], timeout: Option<Duration>) -> Result<()> {
    let open = |child: &&mut Child| pidfd_open(Pid::from_child(child), PidfdFlags::empty());
    let pidfds: Vec<_> = match children.iter().map(open).collect() {
        Ok(pidfds) => pidfds,
        Err(Errno::SRCH) => return Ok(()), // it is gone
        Err(errno) => return Err(system_error("pidfd_open", "a worker", errno)),
    };
    let mut ends: Vec<_> = pidfds.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    match poll(&mut ends, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(system_error("poll", "workers", errno)),
    }
}
