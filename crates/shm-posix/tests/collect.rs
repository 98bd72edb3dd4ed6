//! Garbage is collected, and nothing but garbage.
#![allow(clippy::unwrap_used)] // a failed step fails the test

#[allow(dead_code)] // some of it is for the other tests
mod common;

use std::io::{IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, symlink};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use shm_conformance::process::{self, Alarm, Child};
use shm_conformance::user::{NOBODY, become_nobody};
use shm_conformance::{leaks, private, spec, unique_name};
use shm_core::{Access, Backend, Cleanup, ErrorKind, Handover, Name, Named, Segment, Spec};
use shm_posix::{Posix, Publish};
use shm_presence::lock_name;

use common::{attach, create, holds};

fn main() {
    let tests: &[(&'static str, fn())] = &[
        ("what_kills_left_is_collected", what_kills_left),
        ("each_process_collects_once", each_process_collects_once),
        ("creates_go_on_where_the_last_one_stopped", goes_on),
        ("a_child_leaves_what_its_parent_began_to_its_parent", child_leaves_it),
        ("the_superuser_is_told_what_others_have_left", others_garbage),
        ("foreign_files_are_left_alone", foreign_files),
        ("a_copy_under_another_name_is_its_makers", copied),
        ("a_name_that_is_locked_is_left_for_later", locked),
        ("what_is_stopped_or_in_flight_is_in_use", stopped_and_in_flight),
        ("what_is_used_is_never_collected", || busy_pool(collect_until_over)),
        ("what_is_used_in_another_pid_namespace_is_never_collected", pool_elsewhere),
        ("what_is_used_is_never_collected_from_a_container", || busy_pool(collect_in_a_container)),
    ];
    let roles: &[process::Role] = &[
        ("create", |to| drop(create(Publish::Unnamed, &to[0].parse().unwrap(), 1, false))),
        ("create_until", |names| create_until(names)),
        ("create_once", |_| create_once()),
        ("fork_amid", |names| fork_amid(names)),
        ("pool_elsewhere", |_| {
            if private::pids() {
                busy_pool(collect_until_over);
            } else {
                println!("skipped: no PID namespaces here");
            }
        }),
        ("container", |_| container()),
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

fn copied() {
    let (name, copy) = (orphan(Cleanup::LastOut), unique_name("copy"));
    let path = |name: &Name| format!("/dev/shm/{name}");
    std::fs::copy(path(&name), path(&copy)).unwrap();
    let found = Posix::default().collect().unwrap();
    assert!(entries_of(&found).contains(&name.as_str()), "{found:?}");
    assert!(!entries_of(&found).contains(&copy.as_str()), "{found:?}");
    std::fs::remove_file(path(&copy)).unwrap();
}

fn locked() {
    let name = orphan(Cleanup::LastOut);
    let path = format!("/dev/shm/{name}");
    let busy = std::fs::File::options().read(true).write(true).open(&path).unwrap();
    lock_name(&busy).unwrap();
    let found = Posix::default().collect().unwrap();
    assert!(!entries_of(&found).contains(&name.as_str()), "{found:?}");
    assert!(std::fs::exists(&path).unwrap());
    drop(busy);
    let found = Posix::default().collect().unwrap();
    assert!(entries_of(&found).contains(&name.as_str()), "{found:?}");
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
    let names = [(); 2].map(|()| unique_name("orphan"));
    let orphans = [&names[0], &names[1]].map(|name| Child::idle(|| leave_behind(name)));
    drop(orphans); // killed at the same time, so that neither has collected the other's
    assert_eq!(leaks::entries().len(), 2);
    process::play("create_until", &[names[0].as_str(), names[1].as_str()]);
    assert_eq!(leaks::entries(), [""; 0]);
    if private::is_private() {
        process::play("create_once", &[]);
    }
}

/// Makes arrays until these are gone.
fn create_until(names: &[String]) {
    process::die_if_hanging(60);
    let is_there = |name: &String| std::fs::exists(format!("/dev/shm/{name}")).unwrap();
    while names.iter().any(is_there) {
        drop(create(Publish::Unnamed, &unique_name("new"), 1, false));
    }
}

/// Makes an array that nobody removes.
fn leave_behind(name: &Name) {
    std::mem::forget(create(Publish::Unnamed, name, 1, false));
}

/// What becomes garbage after a process has looked at all is for another.
fn create_once() {
    process::die_if_hanging(60);
    let first = unique_name("first");
    drop(Child::idle(|| leave_behind(&first)));
    create_until(&[first.to_string()]); // it was the last entry
    (0..3).for_each(|_| drop(create(Publish::Unnamed, &unique_name("more"), 1, false)));
    let orphan = unique_name("later");
    drop(Child::idle(|| leave_behind(&orphan)));
    drop(create(Publish::Unnamed, &unique_name("last"), 1, false));
    assert!(std::fs::exists(format!("/dev/shm/{orphan}")).unwrap(), "collected once more");
    Posix::default().collect().unwrap();
}

/// Garbage before and behind many files that have to be looked into and that stay. Both is left at the
/// same time, as one of their makers would collect the other.
fn far_apart() -> [Name; 2] {
    let names = [(); 2].map(|()| unique_name("far"));
    let first = Child::idle(|| leave_behind(&names[0]));
    for number in 0..3000 {
        std::fs::write(format!("/dev/shm/foreign-{number}"), "foreign").unwrap();
    }
    let second = Child::idle(|| leave_behind(&names[1]));
    drop((first, second)); // killed
    names
}

fn remove_foreign() {
    for entry in leaks::entries().iter().filter(|entry| entry.starts_with("foreign-")) {
        std::fs::remove_file(format!("/dev/shm/{entry}")).unwrap();
    }
}

/// Garbage before and behind more files than one create looks at, whatever the system's order.
fn goes_on() {
    if !private::is_private() {
        return println!("skipped: needs a /dev/shm of its own");
    }
    let names = far_apart();
    process::play("create", &[unique_name("new").as_str()]);
    let left = names.iter().filter(|name| leaks::entries().contains(&name.to_string())).count();
    assert_ne!(left, 0, "one create looked at {} entries", leaks::entries().len());
    process::play("create_until", &[names[0].as_str(), names[1].as_str()]);
    remove_foreign();
    assert_eq!(leaks::entries(), [""; 0]);
}

fn child_leaves_it() {
    if !private::is_private() {
        return println!("skipped: needs a /dev/shm of its own");
    }
    let names = far_apart();
    process::play("fork_amid", &[names[0].as_str(), names[1].as_str()]);
    remove_foreign();
    assert_eq!(leaks::entries(), [""; 0]);
}

/// A child that is forked in the middle does not go on, whatever it makes; its parent does.
fn fork_amid(names: &[String]) {
    process::die_if_hanging(60);
    drop(create(Publish::Unnamed, &unique_name("begun"), 1, false));
    let is_there = |name: &String| std::fs::exists(format!("/dev/shm/{name}")).unwrap();
    let left: Vec<_> = names.iter().filter(|name| is_there(name)).cloned().collect();
    process::in_a_child(|| {
        (0..500).for_each(|_| drop(create(Publish::Unnamed, &unique_name("child"), 1, false)));
    });
    assert!(!left.is_empty() && left.iter().all(is_there), "the child went on");
    create_until(&left);
}

fn others_garbage() {
    if !rustix::process::geteuid().is_root() {
        return println!("skipped: another user's array takes the superuser");
    }
    let (theirs, busy) = (unique_name("theirs"), orphan(Cleanup::LastOut));
    drop(Child::idle(|| {
        become_nobody();
        leave_behind(&theirs);
        leave_behind_persistent(&unique_name("persists"));
    }));
    let changed = std::fs::File::options().read(true).write(true).open(format!("/dev/shm/{busy}"));
    let changed = changed.unwrap();
    lock_name(&changed).unwrap();
    let before = leaks::entries();
    assert_eq!(Posix::default().abandoned().unwrap(), []);
    assert_eq!(Posix::default().collect().unwrap(), []);
    let left = Posix::default().uncollected().unwrap();
    assert_eq!(left.len(), 2, "{left:?}");
    for left in left {
        let kind = left.reason.kind();
        match left.segment.entry {
            entry if entry == busy.as_str() => assert!(matches!(kind, ErrorKind::Busy { .. })),
            entry => {
                assert_eq!(entry, theirs.as_str());
                let told = matches!(kind, ErrorKind::WrongOwner { owner: NOBODY, me: 0, .. });
                assert!(told && left.segment.bytes > 0, "{kind}");
            }
        }
    }
    assert_eq!(leaks::entries(), before);
    drop(changed);
    for entry in before {
        std::fs::remove_file(format!("/dev/shm/{entry}")).unwrap();
    }
}

fn leave_behind_persistent(name: &Name) {
    let spec = Spec { cleanup: Cleanup::Persist, ..spec(name, 100) };
    std::mem::forget(Posix::default().create(&spec, None).unwrap());
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

/// Neither one that is stopped nor one whose only trace is a descriptor that nobody has received.
fn stopped_and_in_flight() {
    let stopped = Child::idle(|| leave_behind(&unique_name("stopped")));
    stopped.stop();
    let (here, there) = UnixStream::pair().unwrap();
    let sender = Child::idle(|| {
        let array = create(Publish::Unnamed, &unique_name("in-flight"), 1, false);
        let fds = [array.segment.file().as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
        let bytes = [IoSlice::new(b"!")];
        sendmsg(&there, &bytes, &mut control, SendFlags::empty()).unwrap();
        std::mem::forget(array);
    });
    drop(there);
    drop(sender); // killed
    assert_eq!(leaks::entries().len(), 2);
    assert_eq!(Posix::default().collect().unwrap(), []);
    drop(here); // and with it the descriptor that was never received
    assert_eq!(Posix::default().collect().unwrap().len(), 1);
    drop(stopped); // killed
    assert_eq!(Posix::default().collect().unwrap().len(), 1);
    assert_eq!(leaks::entries(), [""; 0]);
}

/// Workers create, and attach to their arrays, which must keep their names; one after the other is
/// killed, while `collect` does nothing but that, until the pool is over; it tells how many it was.
fn busy_pool(collect: fn(&Child) -> usize) {
    const KILLS: usize = 300;
    let alarm = Alarm::new();
    let work = || {
        process::die_if_hanging(100);
        alarm.arm();
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
    let mut collected = collect(&pool);
    assert!(pool.wait().success());
    alarm.assert_silent();
    println!("{collected} collected while {KILLS} were killed");
    collected += Posix::default().collect().unwrap().len();
    assert!(collected > 0, "no kill has left anything");
    assert_eq!(leaks::entries(), [""; 0]);
}

fn collect_until_over(pool: &Child) -> usize {
    let mut collected = 0;
    while !pool.ends_within(Duration::ZERO) {
        collected += Posix::default().collect().unwrap().len();
    }
    collected
}

fn pool_elsewhere() {
    process::play("pool_elsewhere", &[]);
}

/// A collector that has process ids and mounts of its own, and `/dev/shm` in common with the pool.
fn collect_in_a_container(pool: &Child) -> usize {
    if !Child::fork(|| i32::from(!(private::pids() && private::mount_again()))).wait().success() {
        println!("skipped: no namespaces here");
        return 1;
    }
    let mut container = process::again("container", &[]);
    let mut container = container.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    assert!(pool.ends_within(process::HANGS));
    drop(container.stdin.take()); // it may go
    let mut said = String::new();
    container.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(container.wait().unwrap().success(), "{said}");
    said.trim().parse().unwrap()
}

/// Collects in namespaces of its own until standard input ends, and says how much.
fn container() {
    assert!(private::pids() && private::mount_again());
    let child = Child::fork(|| {
        assert_eq!(std::process::id(), 1);
        let over = AtomicBool::new(false);
        let collected = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
                over.store(true, Relaxed);
            });
            let mut collected = 0;
            while !over.load(Relaxed) {
                collected += Posix::default().collect().unwrap().len();
            }
            collected
        });
        println!("{collected}");
        0
    });
    assert!(child.wait().success());
}
