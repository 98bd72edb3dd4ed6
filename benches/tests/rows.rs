//! Every row that can be run here runs: each contender once. What it takes is not looked at.
#![allow(clippy::unwrap_used, clippy::panic)] // what cannot be done fails the test

use std::collections::BTreeSet;
use std::process::{Command, Output, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use shm_conformance::{leaks, private, process};
use shmarray_bench::{Contender, Role, Row, all};

/// Whether it takes milliseconds: rows of more than 64 MiB, or among ten thousand arrays, are left to
/// the drivers.
fn is_small(row: &Row) -> bool {
    let last = row.key.rsplit('/').next().and_then(|last| last.parse::<u64>().ok());
    row.bytes.is_none_or(|bytes| bytes <= 64 << 20) && last.is_none_or(|others| others < 10_000)
}

/// Whether it may touch a gigabyte that the others do not.
fn may_touch(row: &Row, contender: &Contender) -> bool {
    contender.role == Role::Peer && row.key.contains("GiB")
}

fn main() {
    process::main(
        &[],
        &[
            ("keys_are_unique", keys_are_unique),
            ("each_row_says_what_it_is", each_row_says_what_it_is),
            ("each_contender_runs", each_contender_runs),
        ],
    );
}

fn keys_are_unique() {
    let mut keys = BTreeSet::new();
    for row in all() {
        assert!(keys.insert(row.key.clone()), "{} is there twice", row.key);
        let names: BTreeSet<_> = row.contenders.iter().map(|one| &one.name).collect();
        assert_eq!(names.len(), row.contenders.len(), "{}: {:?}", row.key, row.contenders);
    }
}

fn each_row_says_what_it_is() {
    for row in all() {
        assert!(!row.title.is_empty() && !row.floor.is_empty(), "{}", row.key);
        let of = |role| row.contenders.iter().filter(|one| one.role == role).count();
        assert!(of(Role::Ours) <= 1 && of(Role::Floor) <= 1, "{}: one of each kind", row.key);
    }
}

fn each_contender_runs() {
    private::shm("size=4g"); // room for what is reserved and not touched
    let before = leaks::entries();
    for row in all().iter().filter(|row| is_small(row) && (row.ready)().is_ok()) {
        for contender in row.contenders.iter().filter(|contender| !may_touch(row, contender)) {
            let of = format!("{} of {}", contender.name, row.key);
            let output = contest(&row.key, &contender.name);
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{of}: {error}");
            let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(printed["count"], 1, "{of}: {printed}");
            assert_eq!(leaks::entries(), before, "left by {of}");
        }
    }
}

/// Has a contender do it once, in a process of its own.
fn contest(row: &str, contender: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_contest"));
    command.args(["run", row, contender, "--count", "1"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).unwrap();
    let mut events = [PollFd::new(&pidfd, PollFlags::IN)];
    let hangs = Timespec::try_from(process::HANGS).unwrap();
    if poll(&mut events, Some(&hangs)).unwrap() == 0 {
        child.kill().unwrap();
        panic!("{contender} of {row} hangs");
    }
    child.wait_with_output().unwrap()
}
