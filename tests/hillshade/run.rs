//! Runs the program, and sees that it ends and leaves nothing behind.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use shm_conformance::process::HANGS;
use tempfile::TempDir;

/// One run at a time, so that all new entries in `/dev/shm` are that run's.
static TURN: Mutex<()> = Mutex::new(());

/// A folder to run in.
pub(crate) struct Folder {
    folder: TempDir,
}

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    /// Fails unless it succeeded, with the same bits as one process and one memory for all.
    pub(crate) fn assert_right(&self) {
        assert_eq!(self.code, Some(0), "{self:?}");
        assert!(self.stdout.contains("the same bits as by one process"), "{self:?}");
        assert!(self.stdout.contains("yes (device:inode "), "{self:?}");
        assert_eq!(self.stderr, "");
    }

    /// Fails unless it ended with that code and one line that has these words.
    pub(crate) fn assert_error(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        assert!(self.stderr.starts_with("error: "), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in {:?}", self.stderr);
        }
    }
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Runs it to its end. It must leave `/dev/shm` as it was, and no unfinished file.
    pub(crate) fn run(&self, args: &[&str]) -> Finished {
        self.run_with(&[], args)
    }

    /// The same, with variables in its environment.
    pub(crate) fn run_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Finished {
        let watch = Watch::begin();
        let mut command = self.command(args);
        command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        wait(&mut child);
        let output = child.wait_with_output().unwrap();
        self.assert_nothing_unfinished();
        watch.end();
        Finished {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Starts it, and lets it come to where its workers wait at the gate.
    pub(crate) fn hold(&self, args: &[&str]) -> Held<'_> {
        let watch = Watch::begin();
        let mut command = self.command(&[args, &["--hold"]].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = child.stderr.take().unwrap();
        let mut said = String::new();
        let workers = loop {
            let begin = said.len();
            assert_ne!(stdout.read_line(&mut said).unwrap(), 0, "it ended early: {said}");
            if let Some(pids) = said[begin..].strip_prefix("workers: ") {
                break pids.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
            }
        };
        Held { folder: self, watch, child, stdout, stderr, said, workers }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env_remove("SHMARRAY_BACKEND").env_remove("SHMARRAY_SHM_MIN_FREE");
        command
    }

    fn assert_nothing_unfinished(&self) {
        let entries = names_in(self.folder.path());
        let unfinished: Vec<_> = entries.iter().filter(|name| name.ends_with(".part")).collect();
        assert!(unfinished.is_empty(), "{unfinished:?}");
    }
}

/// A run whose workers have mapped the arrays and wait.
pub(crate) struct Held<'a> {
    folder: &'a Folder,
    watch: Watch,
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: ChildStderr,
    said: String,
    pub(crate) workers: Vec<u32>,
}

impl Held<'_> {
    /// Lets it go on to its end. It must leave `/dev/shm` as it was, and no unfinished file.
    pub(crate) fn let_go(self) -> Finished {
        self.let_go_and(|| ())
    }

    /// The same; `meanwhile` runs while the workers work.
    pub(crate) fn let_go_and(mut self, meanwhile: impl FnOnce()) -> Finished {
        self.child.stdin.take().unwrap().write_all(b"\n").unwrap();
        meanwhile();
        wait(&mut self.child);
        self.stdout.read_to_string(&mut self.said).unwrap();
        let mut stderr = String::new();
        self.stderr.read_to_string(&mut stderr).unwrap();
        let code = self.child.wait().unwrap().code();
        self.folder.assert_nothing_unfinished();
        self.watch.end();
        Finished { code, stdout: self.said, stderr }
    }

    /// Kills it, and waits for its workers, which must end by themselves.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // The workers have it too, until they end.
        self.stderr.read_to_string(&mut String::new()).unwrap();
        self.watch.end();
    }
}

/// Waits until it has ended, with less to say than a pipe takes; fails if it hangs.
fn wait(child: &mut Child) {
    let pidfd = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).unwrap();
    let limit = Timespec::try_from(HANGS).unwrap();
    if poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&limit)).unwrap() == 0 {
        child.kill().unwrap();
        child.wait().unwrap();
        panic!("it hangs");
    }
}

/// Our entries in `/dev/shm`, while it is this test's turn.
struct Watch {
    before: BTreeSet<String>,
    _turn: MutexGuard<'static, ()>,
}

impl Watch {
    fn begin() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        Self { before: segments(), _turn: turn }
    }

    fn end(self) {
        assert_eq!(segments(), self.before, "/dev/shm is not as it was");
    }
}

/// The arrays of the program in `/dev/shm`.
fn segments() -> BTreeSet<String> {
    let mut names = names_in(Path::new("/dev/shm"));
    names.retain(|name| name.starts_with("hillshade-"));
    names
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The example, which cargo builds beside the tests.
fn program() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let program = this.ancestors().nth(2).unwrap().join("examples/hillshade");
    assert!(program.is_file(), "build it first: cargo build --example hillshade");
    program
}
