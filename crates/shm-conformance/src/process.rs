//! Children that fork, run this program again, die and are waited for.
//!
//! Tests that need them are programs of their own (`harness = false`): [`main`] runs them one after
//! the other on the main thread, so that the process is single-threaded when it forks, and lets
//! the program play other roles when it is run [`again`].
#![allow(unsafe_code)] // fork(2), kill(2), _exit(2), alarm(2).

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, kill_process, pidfd_open, waitpid};

use crate::private;

/// Longer than anything takes, on the slowest machine: who is not done by then hangs.
pub const HANGS: Duration = Duration::from_secs(120);

/// A part that a test program plays when it is run again, with its arguments.
pub type Role = (&'static str, fn(&[String]));

const AS: &str = "--as";

/// Runs the tests in this order, in a `/dev/shm` of their own where the system allows it, or plays
/// the role that the command line names.
pub fn main(roles: &[Role], tests: &[(&'static str, fn())]) {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [first, role, rest @ ..] = arguments.as_slice()
        && first == AS
    {
        let (_, play) = roles.iter().find(|(name, _)| name == role).unwrap();
        return play(rest);
    }
    private::shm("size=64m");
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let trial = |&(name, test): &(&'static str, fn())| {
        Trial::test(name, move || {
            std::panic::catch_unwind(test).map_err(|_| Failed::from("see above"))
        })
    };
    libtest_mimic::run(&arguments, tests.iter().map(trial).collect()).exit();
}

/// The command line, behind the program, that plays a role.
pub fn role(name: &str, arguments: &[&str]) -> Vec<String> {
    [&[AS, name], arguments].concat().into_iter().map(String::from).collect()
}

/// This program once more, in a role.
pub fn again(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(role(name, arguments));
    command
}

/// Runs this program in a role until it ends well.
pub fn play(name: &str, arguments: &[&str]) {
    let status = again(name, arguments).status().unwrap();
    assert!(status.success(), "{name} {arguments:?}: {status}");
}

/// A process of this program in a role that has said that it is ready, and waits.
#[derive(Debug)]
pub struct Partner(std::process::Child);

impl Partner {
    /// Starts it, and waits until it calls [`ready`].
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        let mut command = again(name, arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "{name} {arguments:?}");
        Self(child)
    }

    /// Kills it.
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Lets it go on, and waits until it ends well.
    pub fn finish(mut self) {
        drop(self.0.stdin.take());
        let status = self.0.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

/// In a [`Partner`]: says that it is ready, and waits until it may go on.
pub fn ready() {
    println!("ready");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}

/// A forked child, killed and waited for when dropped.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    is_gone: bool,
}

impl Child {
    /// Forks. The child runs `work` and ends with its result, without unwinding or running exit
    /// handlers; a panic is 101.
    pub fn fork(work: impl FnOnce() -> i32) -> Self {
        // SAFETY: the tests fork from one thread, or call in the child only what is made for it.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
        match Pid::from_raw(pid) {
            Some(pid) => Self { pid, is_gone: false },
            None => {
                let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
                exit(result.unwrap_or(101))
            }
        }
    }

    /// Forks, and returns once the child has done its work. The child then waits until it is killed.
    pub fn idle(work: impl FnOnce()) -> Self {
        let (mut done, report) = std::io::pipe().unwrap();
        let child = Self::fork(|| {
            work();
            (&report).write_all(b"!").unwrap();
            loop {
                // SAFETY: pause has no preconditions.
                unsafe { libc::pause() };
            }
        });
        drop(report);
        assert_eq!(done.read(&mut [0]).unwrap(), 1, "the child has failed");
        child
    }

    /// Sends SIGKILL.
    pub fn kill(&self) {
        kill_process(self.pid, Signal::KILL).unwrap();
    }

    /// Sends SIGSTOP, and returns once it has stopped. It can be killed all the same.
    pub fn stop(&self) {
        kill_process(self.pid, Signal::STOP).unwrap();
        let status = waitpid(Some(self.pid), WaitOptions::UNTRACED).unwrap();
        assert!(status.is_some_and(|(_, status)| status.stopped()), "it did not stop");
    }

    /// Whether it ends within that time.
    pub fn ends_within(&self, time: Duration) -> bool {
        let pidfd = pidfd_open(self.pid, PidfdFlags::empty()).unwrap();
        let mut events = [PollFd::new(&pidfd, PollFlags::IN)];
        poll(&mut events, Some(&Timespec::try_from(time).unwrap())).unwrap() == 1
    }

    /// How it ends; fails if it [`HANGS`].
    pub fn wait(mut self) -> ExitStatus {
        assert!(self.ends_within(HANGS), "process {:?} hangs", self.pid);
        self.reap()
    }

    fn reap(&mut self) -> ExitStatus {
        let mut status = 0;
        // SAFETY: a child of ours that nobody has waited for; `status` is written.
        let pid = unsafe { libc::waitpid(self.pid.as_raw_nonzero().get(), &raw mut status, 0) };
        assert_eq!(pid, self.pid.as_raw_nonzero().get());
        self.is_gone = true;
        ExitStatus::from_raw(status)
    }
}

/// Does this in a forked child, and waits until it has ended well; one that hangs is ended by SIGALRM.
/// What it changes of itself, such as its limits and mounts, goes with it.
pub fn in_a_child(work: impl FnOnce()) {
    let child = Child::fork(|| {
        die_if_hanging(60);
        work();
        0
    });
    let status = child.wait();
    assert!(status.success(), "{status}");
}

/// Forks so many children, a few at a time, and waits until each has done its work and ended well;
/// one that hangs is ended by SIGALRM.
pub fn fork_many(count: usize, work: impl Fn()) {
    const AT_A_TIME: usize = 16;
    let mut running = VecDeque::with_capacity(AT_A_TIME);
    let wait = |child: Child| {
        let status = child.wait();
        assert!(status.success(), "{status}");
    };
    for _ in 0..count {
        if running.len() == AT_A_TIME {
            running.pop_front().map(wait);
        }
        running.push_back(Child::fork(|| {
            die_if_hanging(60);
            work();
            0
        }));
    }
    running.into_iter().for_each(wait);
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.is_gone {
            self.kill();
            self.reap();
        }
    }
}

/// Hears of panics in forked children, also in those that are killed before they have ended.
#[derive(Debug)]
pub struct Alarm {
    heard: PipeReader,
    raise: PipeWriter,
}

impl Alarm {
    /// One that hears of children that are forked from now on.
    pub fn new() -> Self {
        let (heard, raise) = std::io::pipe().unwrap();
        Self { heard, raise }
    }

    /// In a child: from now on, its panics are heard, and those of its own children.
    pub fn arm(&self) {
        let raise = self.raise.try_clone().unwrap();
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            (&raise).write_all(b"!").unwrap();
            usual(panic);
        }));
    }

    /// Waits until these children and theirs have ended, and fails if there was a panic.
    pub fn assert_silent(mut self) {
        drop(self.raise);
        let mut panics = Vec::new();
        self.heard.read_to_end(&mut panics).unwrap();
        assert_eq!(panics.len(), 0, "panics of children, see above");
    }
}

impl Default for Alarm {
    fn default() -> Self {
        Self::new()
    }
}

/// Ends this process at once: no unwinding, no exit handlers.
pub fn exit(code: i32) -> ! {
    // SAFETY: _exit has no preconditions.
    unsafe { libc::_exit(code) }
}

/// Ends this process by SIGALRM if it is still there after so many seconds.
pub fn die_if_hanging(seconds: u32) {
    // SAFETY: alarm has no preconditions; SIGALRM's default ends the process.
    unsafe { libc::alarm(seconds) };
}
