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
use shm_conformance::{leaks, private, spec, unique_name};
use shm_core::{Access, Backend, Cleanup, Handover, Name, Named, Segment, Spec};
use shm_posix::{Posix, Publish};
use shm_presence::lock_name;

use common::{attach, create, holds};

fn main() {
    let tests: &[(&'static str, fn())] = &[
        ("what_kills_left_is_collected", what_kills_left),
        ("each_process_collects_once", each_process_collects_once),
        ("the_first_create_looks_at_so_many_entries_and_no_more", bounded),
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
        ("create_again", |_| create_again()),
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
    let orphans = [(); 2].map(|()| Child::idle(|| leave_behind(&unique_name("orphan"))));
    drop(orphans); // killed at the same time, so that neither has collected the other's
    assert_eq!(leaks::entries().len(), 2);
    process::play("create", &[unique_name("new").as_str()]);
    assert_eq!(leaks::entries(), [""; 0]);
    process::play("create_again", &[]);
    assert_eq!(leaks::entries().len(), usize::from(private::is_private()));
    Posix::default().collect().unwrap();
}

/// Makes an array that nobody removes.
fn leave_behind(name: &Name) {
    std::mem::forget(create(Publish::Unnamed, name, 1, false));
}

/// What becomes garbage after the first create of a process is not for its second.
fn create_again() {
    drop(create(Publish::Unnamed, &unique_name("first"), 1, false));
    let orphan = unique_name("later");
    drop(Child::idle(|| leave_behind(&orphan)));
    drop(create(Publish::Unnamed, &unique_name("second"), 1, false));
    assert!(std::fs::exists(format!("/dev/shm/{orphan}")).unwrap(), "collected once more");
}

/// Each first create looks at 1024 entries, whatever they are.
fn bounded() {
    const MOST: usize = 1024;
    const EACH: usize = 250;
    const HOLDERS: usize = 5;
    if !private::is_private() {
        return println!("skipped: needs a /dev/shm of its own");
    }
    let hold = || {
        for _ in 0..EACH {
            leave_behind(&unique_name("many"));
        }
    };
    let holders = [(); HOLDERS].map(|()| Child::idle(hold));
    drop(holders); // killed
    assert_eq!(leaks::entries().len(), HOLDERS * EACH);
    process::play("create", &[unique_name("new").as_str()]);
    assert_eq!(leaks::entries().len(), HOLDERS * EACH - MOST);
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
