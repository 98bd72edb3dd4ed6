//! Garbage is collected, and nothing but garbage.
#![allow(clippy::unwrap_used)] // a failed step fails the test

#[allow(dead_code)] // some of it is for the other tests
mod common;

use std::os::unix::fs::{FileExt, symlink};
use std::time::Duration;

use shm_conformance::process::{self, Child};
use shm_conformance::{leaks, private, spec, unique_name};
use shm_core::{Access, Backend, Cleanup, Name, Named, Segment, Spec};
use shm_posix::{Posix, Publish};

use common::{attach, create, holds};

fn main() {
    let tests: &[(&'static str, fn())] = &[
        ("what_kills_left_is_collected", what_kills_left),
        ("each_process_collects_once", each_process_collects_once),
        ("foreign_files_are_left_alone", foreign_files),
        ("what_is_used_is_never_collected", busy_pool),
        ("what_is_used_in_another_pid_namespace_is_never_collected", other_namespace),
    ];
    let roles: &[process::Role] = &[
        ("create", |to| drop(create(Publish::Unnamed, &to[0].parse().unwrap(), 1, false))),
        ("elsewhere", |_| {
            if private::pids() {
                busy_pool();
            } else {
                println!("skipped: no PID namespaces here");
            }
        }),
    ];
    process::main(roles, tests);
}

/// The name of an array whose only holder was killed.
fn orphan(cleanup: Cleanup) -> Name {
    let name = unique_name("orphan");
    let holder = Child::idle(|| {
        let spec = Spec { cleanup, ..spec(&name, 100) };
        std::mem::forget(Posix::default().create(&spec, None).unwrap());
    });
    drop(holder); // killed
    name
}

fn entries_of(found: &[shm_posix::Abandoned]) -> Vec<&str> {
    let mut entries: Vec<_> = found.iter().map(|abandoned| abandoned.entry.as_str()).collect();
    entries.sort_unstable();
    entries
}

fn what_kills_left() {
    let used = create(Publish::Unnamed, &unique_name("used"), 1, false);
    let persists = orphan(Cleanup::Persist);
    let mut orphans = [orphan(Cleanup::LastOut), orphan(Cleanup::Owner)];
    orphans.sort();
    let names: Vec<_> = orphans.iter().map(Name::as_str).collect();
    let abandoned = Posix::default().abandoned().unwrap();
    assert_eq!(entries_of(&abandoned), names);
    assert_eq!(abandoned[0].bytes, used.segment.header().segment_len());
    assert!(abandoned[0].modified.elapsed().is_ok_and(|age| age < process::HANGS));
    assert_eq!(leaks::entries().len(), 4, "looking removes nothing");
    assert_eq!(entries_of(&Posix::default().collect().unwrap()), names);
    assert!(Posix::default().collect().unwrap().is_empty());
    assert!(holds(&used));
    drop(attach(&persists, Access::ReadOnly).unwrap());
    assert!(Posix::default().delete(&persists).unwrap());
    drop(used);
    assert_eq!(leaks::entries(), [""; 0]);
}

fn each_process_collects_once() {
    let _orphans = [orphan(Cleanup::LastOut), orphan(Cleanup::LastOut)];
    assert_eq!(leaks::entries().len(), 2);
    process::play("create", &[unique_name("new").as_str()]);
    assert_eq!(leaks::entries(), [""; 0]);
}

fn foreign_files() {
    if !private::is_private() {
        return println!("skipped: needs a /dev/shm of its own");
    }
    let path = |entry: &str| format!("/dev/shm/{entry}");
    let whole = create(Publish::Unnamed, &unique_name("whole"), 1, false);
    let bytes = std::fs::read(path(whole.segment.header().name().as_str())).unwrap();
    drop(whole);
    std::fs::write(path("random"), [0x5a; 10_000]).unwrap();
    std::fs::write(path("empty"), []).unwrap();
    std::fs::write(path(".shmarray-tmp-notes"), "not a draft").unwrap();
    std::fs::write(path("magic"), [&b"SHMARRAY"[..], &[0xff; 9000]].concat()).unwrap();
    std::fs::write(path("short"), &bytes[..500]).unwrap();
    std::fs::File::create(path("sparse")).unwrap().set_len(1 << 40).unwrap();
    let of_next_version = std::fs::File::create(path("version")).unwrap();
    of_next_version.write_all_at(&bytes, 0).unwrap();
    of_next_version.write_all_at(&[99, 0], 12).unwrap();
    std::fs::create_dir(path("folder")).unwrap();
    symlink(path("random"), path("symlink")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, path("fifo"), rustix::fs::Mode::RWXU).unwrap();
    let before = leaks::entries();
    assert_eq!(Posix::default().abandoned().unwrap(), []);
    assert_eq!(Posix::default().collect().unwrap(), []);
    assert_eq!(leaks::entries(), before);
    std::fs::remove_dir(path("folder")).unwrap();
    for entry in leaks::entries() {
        std::fs::remove_file(path(&entry)).unwrap();
    }
}

/// Workers create, and attach to their arrays, which must keep their names; one after the other is
/// killed, while this process does nothing but collect.
fn busy_pool() {
    const KILLS: usize = 200;
    let work = || {
        process::die_if_hanging(100);
        loop {
            let name = unique_name("pool");
            let array = create(Publish::Unnamed, &name, 1, false);
            for _ in 0..3 {
                assert!(holds(&array), "the collector took a name in use");
                drop(attach(&name, Access::ReadOnly).unwrap());
                assert!(holds(&array), "the last one out, who was not, took the name");
            }
        }
    };
    let pool = Child::fork(|| {
        process::die_if_hanging(100);
        let mut workers = [Child::fork(work), Child::fork(work)];
        for kill in 0..KILLS {
            let worker = &mut workers[kill % 2];
            assert!(!worker.ends_within(Duration::from_micros(500)), "a worker has failed");
            *worker = Child::fork(work); // the old one is killed
        }
        0
    });
    let mut collected = 0;
    while !pool.ends_within(Duration::ZERO) {
        collected += Posix::default().collect().unwrap().len();
    }
    assert!(pool.wait().success());
    collected += Posix::default().collect().unwrap().len();
    println!("{collected} collected after {KILLS} kills");
    assert!(collected > 0, "no kill has left anything");
    assert_eq!(leaks::entries(), [""; 0]);
}

fn other_namespace() {
    process::play("elsewhere", &[]);
}
