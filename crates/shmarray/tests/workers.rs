//! Workers that are killed, restarted and left alone, and parents that are killed: nobody is left.

#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use shm_conformance::{leaks, process};
use shmarray::prelude::*;
use shmarray::transfer;
use shmarray::workers::Team;

const ROWS: usize = 64;
const SIGKILL: i32 = 9;

fn main() {
    process::main(
        &[
            ("fill", fill),
            ("idle", idle),
            ("park", park),
            ("parent", parent),
            ("fleeting", fleeting),
        ],
        &[
            ("a_killed_worker_is_told_and_started_again", killed_and_restarted),
            ("workers_end_with_their_team", end_with_their_team),
            ("workers_end_with_a_killed_parent", end_with_a_killed_parent),
            ("workers_end_with_the_thread_that_leaks_their_team", end_with_their_thread),
            ("a_forked_child_has_no_workers", forked_child),
            ("what_cannot_be_started_leaves_nobody", cannot_be_started),
        ],
    );
}

/// A team in a role of this test, whose workers report to this pipe, which ends with the last of them.
fn team<'a>(
    role: &'a str,
    table: &'a GuardedArray<u32, Ix1>,
    report: &'a std::io::PipeWriter,
) -> Team<'a> {
    let make = move |number: usize| {
        let mut command = process::again(role, &[&number.to_string()]);
        command.stdout(report.try_clone().unwrap());
        transfer::inherit_all(&mut command, &[("table", table), ("again", &table.erased())])?;
        Ok(command)
    };
    Team::of_commands(3, make).unwrap()
}

fn table() -> GuardedArray<u32, Ix1> {
    let builder = GuardedArray::builder(ROWS).unique("workers");
    builder.workers(Workers::Spawned).zeros().unwrap()
}

/// A worker: says that it has the arrays, and waits until it is killed.
fn idle(_: &[String]) {
    let table: GuardedArray<u32, Ix1> = transfer::take("table").unwrap().typed().unwrap();
    let again: GuardedArray<u32, Ix1> = transfer::take("again").unwrap().typed().unwrap();
    assert_eq!(table.name(), again.name());
    println!("{}", std::process::id());
    park(&[]);
}

fn park(_: &[String]) {
    loop {
        std::thread::park();
    }
}

/// A worker: takes chunks, and is killed with its first one, unless it is the successor of such a one.
fn fill(_: &[String]) {
    let table: GuardedArray<u32, Ix1> = transfer::take("table").unwrap().typed().unwrap();
    for chunk in table.chunks(4).unwrap() {
        let mut chunk = chunk.unwrap();
        if !chunk.is_retry() && chunk.index() < 3 {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)
                .unwrap();
        }
        *chunk += 1;
        chunk.done();
    }
}

fn killed_and_restarted() {
    leaks::none(|| {
        let table = table();
        let (_, report) = std::io::pipe().unwrap();
        let mut team = team("fill", &table, &report);
        let (mut killed, mut done) = (0, 0);
        while let Some(end) = team.wait_any(process::HANGS).unwrap() {
            match end.status.signal() {
                Some(signal) => {
                    assert_eq!(signal, SIGKILL);
                    killed += 1;
                    team.restart(end.number).unwrap();
                }
                None => {
                    assert!(end.status.success(), "{end:?}");
                    done += 1;
                }
            }
        }
        assert_eq!((killed, done, team.running()), (3, 3, 0));
        assert!(table.read().unwrap().iter().all(|row| *row == 1));
        assert!(team.restart(3).unwrap_err().to_string().contains("worker 3 of 3"));
    });
}

fn end_with_their_team() {
    leaks::none(|| {
        let table = table();
        let (heard, report) = std::io::pipe().unwrap();
        let mut heard = BufReader::new(heard);
        let mut team = team("idle", &table, &report);
        let mut line = String::new();
        for _ in 0..3 {
            heard.read_line(&mut line).unwrap();
        }
        assert_eq!(team.running(), 3);
        assert!(team.wait_any(Timeout::NoWait).unwrap().is_none());
        assert!(team.wait_any(Duration::from_millis(1)).unwrap().is_none());

        let first = team.worker(1).unwrap().id();
        team.restart(1).unwrap(); // kills it before
        assert_ne!(team.worker(1).unwrap().id(), first);
        heard.read_line(&mut line).unwrap();

        team.worker(2).unwrap().kill().unwrap();
        assert_eq!(team.wait_any(process::HANGS).unwrap().unwrap().number, 2);
        assert!(team.worker(2).is_none() && team.worker(3).is_none());
        assert_eq!(team.running(), 2);
        drop(team);
        drop(report);
        heard.read_to_string(&mut line).unwrap(); // ends, as all workers have
        assert_no_children();
    });
}

/// Neither a living child nor a zombie.
fn assert_no_children() {
    let wait = rustix::process::wait(rustix::process::WaitOptions::NOHANG);
    assert_eq!(wait.unwrap_err(), rustix::io::Errno::CHILD);
}

/// A parent whose workers have started; it waits for one of them until it is killed.
fn parent(_: &[String]) {
    let table = table();
    let report = std::io::PipeWriter::from(rustix::io::dup(std::io::stdout()).unwrap());
    let mut team = team("idle", &table, &report);
    team.wait_any(Timeout::Forever).unwrap();
}

fn end_with_a_killed_parent() {
    let mut command = process::again("parent", &[]);
    let mut parent = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut heard = BufReader::new(parent.stdout.take().unwrap());
    let mut line = String::new();
    for _ in 0..3 {
        heard.read_line(&mut line).unwrap();
    }
    assert_eq!(line.lines().count(), 3, "{line}");
    parent.kill().unwrap();
    parent.wait().unwrap();
    heard.read_to_string(&mut line).unwrap(); // ends, as all workers have
    assert_eq!(line.lines().count(), 3, "{line}");
    shmarray::names::gc().unwrap();
}

/// A process with a thread that starts workers, leaks them and ends.
fn fleeting(_: &[String]) {
    let table = table();
    let (heard, report) = std::io::pipe().unwrap();
    let mut heard = BufReader::new(heard);
    let mut line = String::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let team = team("idle", &table, &report);
            for _ in 0..3 {
                heard.read_line(&mut line).unwrap();
            }
            std::mem::forget(team);
        });
    });
    drop(report);
    heard.read_to_string(&mut line).unwrap(); // ends, as all workers have
}

fn end_with_their_thread() {
    process::play("fleeting", &[]);
}

fn forked_child() {
    let table = table();
    let (_heard, report) = std::io::pipe().unwrap();
    let mut team = team("idle", &table, &report);
    let child = process::Child::fork(|| {
        assert_eq!(team.running(), 0);
        assert!(team.wait_any(Timeout::Forever).unwrap().is_none());
        drop(team);
        0
    });
    assert!(child.wait().success());
}

fn cannot_be_started() {
    leaks::none(|| {
        let none = Team::of_commands(3, |number| {
            if number < 2 {
                return Ok(process::again("park", &[]));
            }
            Ok(Command::new("/nowhere/at/all"))
        });
        let error = none.unwrap_err().to_string();
        assert!(error.contains("worker 2") && error.contains("No such file"), "{error}");
        assert_no_children();
    });
}
