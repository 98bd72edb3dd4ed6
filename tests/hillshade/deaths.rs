//! Workers die, at the gate and in the middle of their work: the run ends by itself, with the same
//! result, and says who died and what was done again.

use std::time::Instant;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use shm_conformance::process::HANGS;

use crate::run::{Finished, Folder};
use crate::{COMBINATIONS, RELIEF};

/// The result and the picture.
fn files(folder: &Folder) -> (Vec<u8>, Vec<u8>) {
    (folder.read("out.npy"), folder.read("hillshade.png"))
}

/// The files of a run in which nobody dies.
fn whole() -> (Vec<u8>, Vec<u8>) {
    let folder = Folder::new();
    let finished = folder.run(&["--input", RELIEF, "--output", "out.npy"]);
    finished.assert_right();
    assert_eq!(row(&finished, "died"), None);
    files(&folder)
}

/// The text of a row of the table, if there is such a row.
fn row<'a>(finished: &'a Finished, title: &str) -> Option<&'a str> {
    let rows = finished.stdout.lines().filter_map(|line| line.strip_prefix('│')?.strip_suffix('│'));
    let mut texts = rows.filter_map(|row| row.trim().strip_prefix(title)?.strip_prefix("  "));
    texts.next().map(str::trim)
}

/// The numbers in a text, in their order.
fn numbers(text: &str) -> Vec<u32> {
    let words = text.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty());
    words.map(|word| word.parse().unwrap()).collect()
}

fn pid(worker: u32) -> Pid {
    Pid::from_raw(i32::try_from(worker).unwrap()).unwrap()
}

#[test]
fn one_is_killed_midway_on_every_backend_and_start() {
    let whole = whole();
    for (backend, start) in COMBINATIONS {
        for workers in ["1", "2", "5"] {
            let folder = Folder::new();
            let fixed = ["--input", RELIEF, "--output", "out.npy", "--kill-one"];
            let varied = ["--backend", backend, "--start", start, "--workers", workers];
            let finished = folder.run(&[&fixed[..], &varied].concat());
            finished.assert_right();
            assert!(files(&folder) == whole, "{backend}, {start}, {workers}");

            let died = row(&finished, "died").unwrap();
            let [worker, _, signal, held, done, chunks] = numbers(died)[..] else {
                panic!("{died}");
            };
            assert!((1..=workers.parse().unwrap()).contains(&worker), "{died}");
            assert_eq!((signal, held), (9, chunks / 2), "{died}");
            assert!((1..chunks).contains(&done), "{died}");
            let again = row(&finished, "chunks done again").unwrap();
            assert_eq!(numbers(again), [1, held]);
            let rest = row(&finished, "chunks done by this process").map(numbers);
            assert_eq!(rest, (workers == "1").then(|| vec![chunks - done]));
        }
    }
}

#[test]
fn one_is_killed_midway_however_few_the_rows() {
    for rows in 2..8 {
        let folder = Folder::new();
        folder.write("in.npy", &crate::npy::npy_of(rows, 3, |y, x| (y * x) as f64));
        let finished = folder.run(&["--input", "in.npy", "--workers", "5", "--kill-one"]);
        finished.assert_right();
        let [.., held, done, chunks] = numbers(row(&finished, "died").unwrap())[..] else {
            panic!("{finished:?}");
        };
        assert!(held < chunks && (1..chunks).contains(&done), "{finished:?}");
    }
}

#[test]
fn one_that_dies_before_it_begins_is_named_and_not_missed() {
    let whole = whole();
    for (backend, start) in COMBINATIONS {
        for more in [&[][..], &["--kill-one"]] {
            let folder = Folder::new();
            let fixed = ["--input", RELIEF, "--output", "out.npy", "--workers", "3"];
            let varied = ["--backend", backend, "--start", start];
            let held = folder.hold(&[&fixed[..], &varied, more].concat());
            let second = held.workers[1];
            kill_process(pid(second), Signal::KILL).unwrap();
            let finished = held.let_go();
            finished.assert_right();
            assert!(files(&folder) == whole, "{backend}, {start}");
            let name = format!("worker 2 (process {second}) of signal 9 ");
            assert!(finished.stdout.contains(&name), "{finished:?}");
            assert_eq!(row(&finished, "chunks done again").is_some(), !more.is_empty());
            assert_eq!(row(&finished, "chunks done by this process"), None);
        }
    }
}

#[test]
fn the_parent_does_it_all_if_all_die() {
    let whole = whole();
    for (backend, start) in COMBINATIONS {
        let folder = Folder::new();
        let fixed = ["--input", RELIEF, "--output", "out.npy", "--workers", "2"];
        let held = folder.hold(&[&fixed[..], &["--backend", backend, "--start", start]].concat());
        for worker in &held.workers {
            kill_process(pid(*worker), Signal::KILL).unwrap();
        }
        let finished = held.let_go();
        finished.assert_right();
        assert!(files(&folder) == whole, "{backend}, {start}");
        let chunks = numbers(row(&finished, "chunks  ").unwrap())[0];
        let rest = row(&finished, "chunks done by this process").unwrap();
        assert_eq!(numbers(rest), [chunks]);
    }
}

/// Whether a process sleeps, as the kernel tells it.
fn sleeps(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.is_ok_and(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S')))
}

#[test]
fn all_are_killed_at_work_by_somebody_else() {
    let whole = whole();
    let mut hit = 0;
    for round in 0..200 {
        let folder = Folder::new();
        let start = ["spawn", "fork"][round % 2];
        let fixed = ["--input", RELIEF, "--output", "out.npy", "--workers", "2"];
        let held = folder.hold(&[&fixed[..], &["--start", start]].concat());
        let workers = [held.workers[0], held.workers[1]].map(pid);
        let pidfds = workers.map(|pid| pidfd_open(pid, PidfdFlags::empty()).unwrap());
        let began = Instant::now();
        let finished = held.let_go_and(|| {
            for (worker, pidfd) in workers.into_iter().zip(&pidfds) {
                while sleeps(worker) {
                    assert!(began.elapsed() < HANGS, "the workers hang");
                    std::thread::yield_now(); // until it gets a chunk, or has ended
                }
                let _ = pidfd_send_signal(pidfd, Signal::KILL); // it may have ended
            }
        });
        finished.assert_right();
        assert!(files(&folder) == whole, "round {round}");
        hit += u32::from(row(&finished, "chunks done again").is_some());
        if hit == 5 {
            return;
        }
    }
    panic!("only {hit} times did somebody hold a chunk who was killed");
}

#[test]
fn workers_end_when_their_parent_is_killed() {
    for (backend, start) in COMBINATIONS {
        let args = ["--input", RELIEF, "--backend", backend, "--start", start];
        // Named memory would stay only if the names had not been given up by then.
        Folder::new().hold(&args).kill();
    }
}
