//! Looking changes nothing: no looker counts as present, and a segment that is looked at can still be
//! removed, frozen and collected.
#![allow(clippy::unwrap_used)] // a failed step fails the test

#[allow(dead_code)] // some of it is for the other tests
mod common;

use std::fs;
use std::os::unix::fs::MetadataExt;

use shm_conformance::process::{self, Child};
use shm_conformance::{leaks, spec, unique_name};
use shm_core::{Access, Backend, Handover, Named, Sealable, Segment};
use shm_memfd::{FdOrOrigin, Memfd};
use shm_posix::Posix;
use shm_survey::{find, holders, list};

use common::{data, is_alone, memfd, named, only, path};

fn main() {
    process::main(
        &[],
        &[
            ("no_lock_is_taken", no_lock),
            ("the_file_is_as_it_was", file_is_unchanged),
            ("the_last_one_out_removes_what_is_looked_at", last_out),
            ("what_is_looked_at_is_collected", collected),
            ("a_memfd_that_is_looked_at_is_frozen", frozen),
            ("what_is_frozen_can_be_looked_at", look_at_frozen),
            ("it_stays_readable_when_its_name_is_removed", stays_readable),
        ],
    );
}

/// The locks that anybody holds on files of `/dev/shm`, as the kernel lists them.
fn locks(inode: u64) -> Vec<String> {
    let all = fs::read_to_string("/proc/locks").unwrap();
    let of_it = all.lines().filter(|line| line.contains(&format!(":{inode} ")));
    of_it.map(|line| line.split_once(": ").unwrap().1.into()).collect()
}

fn no_lock() {
    let name = unique_name("unlocked");
    let array = named(&name, 1);
    let inode = fs::metadata(path(name.as_str())).unwrap().ino();
    let before = locks(inode);
    assert_eq!(before.len(), 1, "presence: {before:?}");
    let segment = find(name.as_str()).unwrap();
    assert!(segment.is_in_use().unwrap());
    assert_eq!(segment.participants().unwrap(), []);
    assert!(segment.lock_state().unwrap().holder.is_none());
    let listing = list().unwrap();
    assert_eq!(locks(inode), before);

    // Only lookers are left, and they do not count each other.
    let orphan = unique_name("orphan");
    drop(Child::idle(|| std::mem::forget(named(&orphan, 1)))); // killed
    let looks = [find(orphan.as_str()).unwrap(), find(orphan.as_str()).unwrap()];
    for look in &looks {
        assert!(!look.is_in_use().unwrap());
        assert!(holders().unwrap().of(look).is_empty());
    }
    let inode = fs::metadata(path(orphan.as_str())).unwrap().ino();
    assert_eq!(locks(inode), [""; 0]);
    assert!(Posix::default().delete(&orphan).unwrap());
    drop((array, segment, listing));
    assert_eq!(leaks::entries(), [""; 0]);
}

fn file_is_unchanged() {
    let name = unique_name("unchanged");
    let _array = named(&name, 7);
    let facts = || {
        let file = fs::metadata(path(name.as_str())).unwrap();
        let times = (file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec());
        (file.len(), file.blocks(), file.mode(), file.nlink(), times)
    };
    let bytes = || fs::read(path(name.as_str())).unwrap();
    let before = (facts(), bytes());
    for _ in 0..10 {
        let segment = only(&name);
        assert_eq!(data(&segment), [7; 800]);
        segment.participants().unwrap();
        segment.lock_state().unwrap();
        segment.is_in_use().unwrap();
    }
    assert!((facts(), bytes()) == before);
}

/// A process that does nothing but look, and keeps each listing open until the next.
fn watcher() -> Child {
    let look = || {
        process::die_if_hanging(100);
        let mut kept = list().unwrap();
        loop {
            for segment in &kept.segments {
                // What is going is not always there to be read.
                let _ = (segment.participants(), segment.lock_state(), segment.is_in_use());
            }
            holders().unwrap();
            kept = list().unwrap();
        }
    };
    Child::fork(look)
}

fn last_out() {
    let watcher = watcher();
    for round in 0..100 {
        let name = unique_name("watched");
        let mine = named(&name, 1);
        let others = (round % 2 == 0).then(|| common_attach(&name));
        let kept = (round % 3 == 0).then(|| only(&name));
        drop(mine);
        assert_eq!(path(name.as_str()).exists(), others.is_some());
        drop(others);
        assert!(!path(name.as_str()).exists(), "round {round}");
        drop(kept);
    }
    assert!(!watcher.ends_within(std::time::Duration::ZERO), "it has failed");
}

fn common_attach(name: &shm_core::Name) -> impl Sized + use<> {
    let source = shm_posix::NameOrFd::Name(name.clone());
    Posix::default().attach(source, Access::ReadOnly).unwrap()
}

fn collected() {
    if !is_alone() {
        return;
    }
    let watcher = watcher();
    for _ in 0..30 {
        let name = unique_name("left");
        drop(Child::idle(|| std::mem::forget(named(&name, 1)))); // killed
        let kept = only(&name);
        let abandoned = Posix::default().abandoned().unwrap();
        assert_eq!(abandoned.len(), 1);
        assert_eq!(abandoned[0].entry, name.as_str());
        assert_eq!(Posix::default().collect().unwrap(), abandoned);
        assert_eq!(leaks::entries(), [""; 0]);
        drop(kept);
    }
    assert!(!watcher.ends_within(std::time::Duration::ZERO), "it has failed");
}

fn frozen() {
    let watcher = watcher();
    for _ in 0..30 {
        let name = unique_name("freezing");
        let array = memfd(&name, 3);
        let kept = only(&name);
        assert!(!kept.is_frozen());
        drop(array.region);
        let frozen = array.segment.freeze().unwrap();
        assert!(frozen.segment.is_frozen());
        assert!(kept.is_in_use().unwrap());
        drop((array.segment, frozen));
        assert!(!kept.is_in_use().unwrap());
    }
    assert!(!watcher.ends_within(std::time::Duration::ZERO), "it has failed");
}

fn look_at_frozen() {
    let name = unique_name("frozen");
    let array = memfd(&name, 3);
    drop(array.region);
    let frozen = array.segment.freeze().unwrap();
    let segment = only(&name);
    assert!(segment.is_frozen());
    assert_eq!(data(&segment), [3; 800]);
    // One that is sealed by half is not.
    let half = Memfd.create(&spec(&unique_name("half"), 100), None).unwrap();
    drop(half.region);
    let file = half.segment.file();
    rustix::fs::fcntl_add_seals(file, rustix::fs::SealFlags::FUTURE_WRITE).unwrap();
    assert!(!only(half.segment.header().name()).is_frozen());
    let copy = file.try_clone().unwrap();
    drop(Memfd.attach(FdOrOrigin::Fd(copy), Access::ReadOnly).unwrap());
    drop(frozen);
}

fn stays_readable() {
    let name = unique_name("removed");
    let array = named(&name, 9);
    let segment = find(name.as_str()).unwrap();
    drop(array);
    assert!(!path(name.as_str()).exists());
    assert!(!segment.is_in_use().unwrap());
    assert_eq!(data(&segment), [9; 800]);
    find(name.as_str()).unwrap_err();
}
