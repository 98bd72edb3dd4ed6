//! The command, run until it ends, and how it ends.

use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::Value;
use shm_conformance::process::HANGS;

/// The exit code and the output of a run.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The command with these arguments; no setting of whoever runs the tests gets to it.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shmarray"));
    command.args(arguments).stdin(Stdio::null());
    for setting in ["NO_COLOR", "SHMARRAY_BACKEND", "SHMARRAY_SHM_MIN_FREE"] {
        command.env_remove(setting);
    }
    command.env("TERM", "xterm");
    command
}

/// Runs it to its end, which is neither a panic nor a signal.
pub(crate) fn shmarray(arguments: &[&str]) -> Done {
    finished(command(arguments))
}

/// Runs it to its end; its output goes through files, so that nothing waits for a reader.
pub(crate) fn finished(mut command: Command) -> Done {
    let (mut out, mut err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    command.stdout(out.try_clone().unwrap()).stderr(err.try_clone().unwrap());
    let code = code(wait(command.spawn().unwrap()), &command);
    let text = |file: &mut File| {
        let mut text = String::new();
        file.rewind().unwrap();
        file.read_to_string(&mut text).unwrap();
        text
    };
    Done { code, out: text(&mut out), err: text(&mut err) }
}

/// Waits for its end; kills it, and fails, if it hangs.
pub(crate) fn wait(mut child: Child) -> ExitStatus {
    let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).unwrap();
    let mut events = [PollFd::new(&pidfd, PollFlags::IN)];
    if poll(&mut events, Some(&Timespec::try_from(HANGS).unwrap())).unwrap() == 0 {
        child.kill().unwrap();
        child.wait().unwrap();
        panic!("process {} hangs", child.id());
    }
    child.wait().unwrap()
}

fn code(status: ExitStatus, command: &Command) -> i32 {
    let code = status.code().unwrap_or_else(|| panic!("{command:?}: {status}"));
    assert_ne!(code, 101, "{command:?} has panicked");
    code
}

impl Done {
    /// Fails unless it ended with that code.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Its output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// The segment of that name in the output of `ls --json`.
    pub(crate) fn segment(&self, name: &str) -> Option<Value> {
        let all = self.json();
        let all = all["segments"].as_array().unwrap();
        all.iter().find(|segment| segment["name"] == name).cloned()
    }

    /// The row of that first cell, of output with tabs.
    pub(crate) fn row(&self, first: &str) -> Option<Vec<&str>> {
        let mut rows = self.out.lines().map(|line| Vec::from_iter(line.split('\t')));
        rows.find(|row| row.first() == Some(&first))
    }
}

pub(crate) fn exit_codes() {
    for wrong in [
        &["nonsense"][..],
        &[],
        &["rm"],
        &["stat"],
        &["ls", "--nonsense"],
        &["watch", "--interval", "0"],
        &["watch", "--interval", "nan"],
        &["watch", "--count", "0"],
        &["completions", "nonsense"],
    ] {
        let done = shmarray(wrong).expect(2);
        assert!(done.out.is_empty() && done.err.contains("--help"), "{wrong:?}: {done:#?}");
    }
    for command in [&["stat", "nobody"][..], &["rm", "nobody"], &["stat", "1:1000000"]] {
        let done = shmarray(command).expect(3);
        assert!(done.err.starts_with("shmarray: "), "{done:#?}");
    }
    for name in ["../etc/passwd", "", "a\nb", ".shmarray-x"] {
        for subcommand in ["stat", "rm"] {
            let done = shmarray(&[subcommand, "--", name]).expect(1);
            assert!(done.err.contains("invalid array name"), "{done:#?}");
            assert_eq!(done.err.lines().count(), 1, "{done:#?}");
        }
    }
    for well in [&["ls"][..], &["gc", "--dry-run"], &["--version"], &["watch", "--count", "1"]] {
        assert_eq!(shmarray(well).expect(0).err, "");
    }
}

/// Command lines that print something, whatever there is.
const TALKATIVE: [&[&str]; 8] = [
    &["ls"],
    &["ls", "--json"],
    &["gc", "--dry-run"],
    &["watch", "--interval", "3600"],
    &["completions", "bash"],
    &["man"],
    &["--help"],
    &["ls", "--help"],
];

pub(crate) fn closed_pipe() {
    for arguments in TALKATIVE {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut err = tempfile::tempfile().unwrap();
        let mut command = command(arguments);
        command.stdout(writer).stderr(err.try_clone().unwrap());
        let child = command.spawn().unwrap();
        assert_eq!(code(wait(child), &command), 0, "{arguments:?}");
        let mut text = String::new();
        err.rewind().unwrap();
        err.read_to_string(&mut text).unwrap();
        assert_eq!(text, "", "{arguments:?}");
    }
}

pub(crate) fn full() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    for arguments in &TALKATIVE[..6] {
        let mut err = tempfile::tempfile().unwrap();
        let mut command = command(arguments);
        command.stdout(full()).stderr(err.try_clone().unwrap());
        let child = command.spawn().unwrap();
        assert_eq!(code(wait(child), &command), 1, "{arguments:?}");
        let mut text = String::new();
        err.rewind().unwrap();
        err.read_to_string(&mut text).unwrap();
        assert!(text.contains("No space left on device"), "{arguments:?}: {text}");
    }
    // The code still tells a failure that cannot be printed.
    let mut command = command(&["rm", "nobody"]);
    command.stdout(Stdio::null()).stderr(full());
    let child = command.spawn().unwrap();
    assert_eq!(code(wait(child), &command), 3);
}
