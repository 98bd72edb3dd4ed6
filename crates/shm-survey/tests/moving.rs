//! What is looked at changes meanwhile: files are rewritten, cut and replaced, processes come and
//! go. Whatever is told then, it is told in the end.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

#[allow(dead_code)] // some of it is for the other tests
mod common;

use std::collections::VecDeque;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use rustix::process::{Signal, set_parent_process_death_signal};
use shm_conformance::process::{self, Child};
use shm_conformance::{leaks, unique_name};
use shm_core::{ErrorKind, Result};
use shm_posix::Posix;
use shm_survey::{Locator, SegmentInfo, find, holders, list};

use common::{is_alone, memfd, named, path, whole};

fn main() {
    process::main(
        &[],
        &[
            ("files_that_change_while_they_are_read", changing_files),
            ("a_file_that_is_cut_behind_its_header", cut_file),
            ("processes_that_come_and_go", coming_and_going),
        ],
    );
}

/// Looks at it in every way, and tells how many of them failed: each for a good reason.
fn look(segment: &SegmentInfo) -> usize {
    let is_expected = |result: Result<()>| match result {
        Ok(()) => 0,
        Err(error) => {
            let kind = error.kind();
            assert!(matches!(kind, ErrorKind::Truncated { .. }), "{error}");
            1
        }
    };
    let mut to = vec![0; segment.header().layout().nbytes().min(1 << 16)];
    is_expected(segment.read_at(&mut to, 0))
        + is_expected(segment.participants().map(drop))
        + is_expected(segment.lock_state().map(drop))
        + is_expected(segment.is_in_use().map(drop))
}

/// A process that does this again and again.
fn without_end(mut work: impl FnMut(u64)) -> Child {
    Child::fork(|| {
        process::die_if_hanging(100);
        let mut round = 0;
        loop {
            work(round);
            round += 1;
        }
    })
}

fn changing_files() {
    if !is_alone() {
        return;
    }
    let bytes = whole(&unique_name("changing"));
    let write = |entry: &str, bytes: &[u8]| fs::write(path(entry), bytes).unwrap();
    let vandal = without_end(|round| {
        write("rewritten", &bytes); // which cuts it first
        write("rewritten", b"SHMARRAY garbage garbage");

        let file = File::options().create(true).truncate(false).write(true).open(path("cut"));
        let file = file.unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        file.set_len(round * 911 % 13_088).unwrap();
        file.set_len(1 << 40).unwrap();

        let mut bytes = bytes.clone();
        bytes[8 + usize::try_from(round * 7 % 1200).unwrap()] ^= 1 << (round % 8);
        write("garbled", &bytes);

        write(".replacement", &bytes);
        fs::rename(path(".replacement"), path("replaced")).unwrap();
        fs::remove_file(path("replaced")).unwrap();
        fs::create_dir(path("replaced")).unwrap();
        fs::remove_dir(path("replaced")).unwrap();
    });
    process::die_if_hanging(100);
    let (mut read, mut failed, mut refused, mut round) = (0, 0, 0, 0);
    while round < 60 || read == 0 || failed == 0 || refused == 0 {
        round += 1;
        let mut listing = list().unwrap();
        listing.segments.retain(|found| matches!(found.locator(), Locator::Entry(_)));
        listing.unreadable.retain(|found| matches!(found.locator, Locator::Entry(_)));
        for unreadable in &listing.unreadable {
            let kind = unreadable.error.kind();
            assert!(!matches!(kind, ErrorKind::Os { .. }), "{}", unreadable.error);
        }
        refused += listing.unreadable.len();
        for segment in &listing.segments {
            let faults = look(segment);
            read += 1;
            failed += faults;
        }
        for entry in ["rewritten", "cut", "garbled", "replaced"] {
            match find(entry) {
                Ok(segment) => failed += look(&segment),
                Err(error) => {
                    assert!(!matches!(error.kind(), ErrorKind::Os { .. }), "{error}");
                    refused += 1;
                }
            }
        }
    }
    println!("{round} rounds: {read} segments read, {failed} parts gone, {refused} refused");
    assert!(!vandal.ends_within(Duration::ZERO), "it has failed");
    drop(vandal);
    process::die_if_hanging(0);
    for entry in leaks::entries() {
        fs::remove_file(path(&entry)).or_else(|_| fs::remove_dir(path(&entry))).unwrap();
    }
}

/// The figures tell how much there is.
fn cut_file() {
    let name = unique_name("cut");
    fs::write(path(name.as_str()), whole(&unique_name("whole"))).unwrap();
    let segment = find(name.as_str()).unwrap();
    let file = File::options().write(true).open(path(name.as_str())).unwrap();
    let mut to = [0; 800];
    for (len, needs) in [(13_087, 13_088), (12_288, 13_088), (0, 13_088)] {
        file.set_len(len).unwrap();
        let error = segment.read_at(&mut to, 0).unwrap_err();
        let ErrorKind::Truncated { what: "segment", needs: n, has } = *error.kind() else {
            panic!("{error}")
        };
        assert_eq!((n, has), (needs, len.max(12_288)), "{error}");
    }
    for error in
        [segment.participants().map(drop).unwrap_err(), segment.lock_state().map(drop).unwrap_err()]
    {
        assert!(matches!(error.kind(), ErrorKind::Truncated { .. }), "{error}");
    }
    assert_eq!(look(&segment), 3);
    fs::remove_file(path(name.as_str())).unwrap();
}

fn coming_and_going() {
    let mut there = VecDeque::new();
    let crowd = without_end(|_| {
        if there.len() == 4 {
            drop(there.pop_front()); // killed
            Posix::default().collect().unwrap();
        }
        there.push_back(Child::idle(|| {
            set_parent_process_death_signal(Some(Signal::KILL)).unwrap();
            let name = unique_name("coming");
            std::mem::forget((named(&name, 1), memfd(&name, 2)));
        }));
    });
    process::die_if_hanging(100);
    let (mut seen, mut with_holders, mut round) = ([0, 0], 0, 0);
    while round < 30 || seen.contains(&0) || with_holders == 0 {
        round += 1;
        let listing = list().unwrap();
        assert!(listing.blind.is_none());
        let holders = holders().unwrap();
        let is_ours = |found: &&SegmentInfo| found.header().name().as_str().ends_with("-coming");
        for segment in listing.segments.iter().filter(is_ours) {
            assert_eq!(look(segment), 0);
            seen[usize::from(segment.backend() == shm_core::BackendKind::Memfd)] += 1;
            with_holders += usize::from(!holders.of(segment).is_empty());
            match find(&segment.locator().to_string()) {
                Ok(again) => drop(again),
                // Gone, or the descriptor is another one's already, which is not finished.
                Err(error) => assert!(!matches!(error.kind(), ErrorKind::Os { .. }), "{error}"),
            }
        }
    }
    println!("{round} rounds: {seen:?} seen on shm and memfd, {with_holders} with their holders");
    assert!(!crowd.ends_within(Duration::ZERO), "it has failed");
    drop(crowd);
    while !leaks::entries().is_empty() {
        Posix::default().collect().unwrap(); // as soon as the last of them is dead
    }
    process::die_if_hanging(0);
}
