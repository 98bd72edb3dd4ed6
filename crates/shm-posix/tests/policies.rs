//! Who removes a name, policy by policy, and what a name leads to while somebody does.
#![allow(clippy::unwrap_used)] // a failed step fails the test

#[allow(dead_code)] // some of it is for the other tests
mod common;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use shm_conformance::process::{self, Child};
use shm_conformance::{leaks, spec, unique_name};
use shm_core::{Access, Backend, Cleanup, ErrorKind, Name, Named, Spec};
use shm_posix::{Posix, Publish};
use shm_presence::{lock_name, try_alone};

use common::{Array, assert_all, attach, create, holds};

fn main() {
    process::main(
        &[],
        &[
            ("the_owner_takes_the_name_along", owner),
            ("what_an_owner_that_was_killed_left_goes_with_the_last_one_out", killed_owner),
            ("what_persists_stays", persists),
            ("a_child_owns_nothing", child),
            ("a_name_that_changes_while_the_last_one_leaves", changes_meanwhile),
            ("a_name_that_cannot_be_locked_stays", cannot_be_locked),
            ("a_creator_waits_for_whoever_collects_the_name", collected_meanwhile),
            ("a_name_that_is_replaced_is_never_free", never_free),
        ],
    );
}

/// Whoever makes sure that nobody is present holds the presence byte himself: that is not to be taken
/// for an array in use.
fn collected_meanwhile() {
    let name = unique_name("asked");
    drop(Child::idle(|| std::mem::forget(create_for(Cleanup::LastOut, &name)))); // killed
    let collector = File::options().read(true).write(true).open(path(&name)).unwrap();
    assert!(try_alone(&collector).unwrap());
    let error = Posix::default().create(&spec(&name, 100), None).map(drop).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Busy { .. }), "{error}");
    drop(collector);
    let array = create(Publish::Unnamed, &name, 1, false);
    let error = Posix::default().create(&spec(&name, 100), None).map(drop).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::AlreadyExists { .. }), "{error}");
    drop(array);
    assert_eq!(leaks::entries(), [""; 0]);
}

fn path(name: &Name) -> PathBuf {
    Path::new("/dev/shm").join(name.as_str())
}

fn create_for(cleanup: Cleanup, name: &Name) -> Array {
    Posix::default().create(&Spec { cleanup, ..spec(name, 100) }, None).unwrap()
}

fn is_free(name: &Name) -> bool {
    let error = attach(name, Access::ReadOnly).map(drop).err();
    error.is_some_and(|error| matches!(error.kind(), ErrorKind::NotFound { .. }))
}

fn owner() {
    let name = unique_name("owned");
    let owner = create_for(Cleanup::Owner, &name);
    let others = [Access::ReadOnly, Access::ReadWrite].map(|access| attach(&name, access).unwrap());
    drop(attach(&name, Access::ReadWrite).unwrap());
    assert!(holds(&owner), "whoever attached has taken the owner's name");
    drop(owner.segment.clone());
    assert!(holds(&owner), "a clone was not the owner's last hold");
    drop(owner);
    assert!(is_free(&name), "the owner has left, and the name is still there");
    others.iter().for_each(|other| assert_all(other, 0));
    let next = create_for(Cleanup::Owner, &name);
    drop(others);
    assert!(holds(&next), "those of the old one have taken the name of the next");
    drop(next);
    assert_eq!(leaks::entries(), [""; 0]);
}

fn killed_owner() {
    let name = unique_name("widowed");
    let owner = Child::idle(|| std::mem::forget(create_for(Cleanup::Owner, &name)));
    let heirs = [(); 2].map(|()| attach(&name, Access::ReadOnly).unwrap());
    drop(owner); // killed
    assert_eq!(Posix::default().collect().unwrap(), [], "it is in use");
    let [first, last] = heirs;
    drop(first);
    assert!(holds(&last));
    drop(last);
    assert_eq!(leaks::entries(), [""; 0]);
}

fn persists() {
    let name = unique_name("kept");
    drop(create_for(Cleanup::Persist, &name));
    drop(attach(&name, Access::ReadWrite).unwrap());
    drop(Child::idle(|| std::mem::forget(attach(&name, Access::ReadWrite).unwrap())));
    assert_eq!(Posix::default().collect().unwrap(), []);
    assert!(holds(&attach(&name, Access::ReadOnly).unwrap()));
    assert!(Posix::default().delete(&name).unwrap());
    assert_eq!(leaks::entries(), [""; 0]);
}

/// Its parent is attached, and the child is no owner, though it has all that its parent has.
fn child() {
    for cleanup in [Cleanup::Owner, Cleanup::LastOut] {
        let name = unique_name("inherited");
        let mut array = Some(create_for(cleanup, &name));
        let child = Child::fork(|| {
            drop(array.take());
            0
        });
        assert!(child.wait().success());
        assert!(array.as_ref().is_some_and(holds), "{cleanup:?}: the child took the name along");
        drop(array);
        assert_eq!(leaks::entries(), [""; 0]);
    }
}

/// Whether a description of this process is the only one present in a file. See proc(5), `fdinfo`.
fn somebody_is_alone() -> bool {
    let presence = format!(" {} ", 1_u64 << 62);
    let is_alone = |line: &str| {
        line.starts_with("lock:") && line.contains(" WRITE ") && line.contains(&presence)
    };
    let open = fs::read_dir("/proc/self/fdinfo").unwrap();
    let texts = open.filter_map(|entry| fs::read_to_string(entry.unwrap().path()).ok());
    texts.into_iter().any(|text| text.lines().any(is_alone))
}

/// The last one out waits for the name's lock, and once it has it, the name leads to a successor.
fn changes_meanwhile() {
    process::die_if_hanging(60);
    let (name, other) = (unique_name("changes"), unique_name("next"));
    let old = create(Publish::Unnamed, &name, 1, false);
    let next = create(Publish::Unnamed, &other, 2, false);
    let locked = File::options().read(true).write(true).open(path(&name)).unwrap();
    lock_name(&locked).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| drop(old));
        while !somebody_is_alone() {
            std::thread::yield_now();
        }
        fs::rename(path(&other), path(&name)).unwrap();
        drop(locked);
    });
    assert_all(&attach(&name, Access::ReadWrite).unwrap(), 2);
    drop(next);
    assert!(Posix::default().delete(&name).unwrap());
    assert_eq!(leaks::entries(), [""; 0]);
    process::die_if_hanging(0);
}

/// Whoever cannot have a name's lock removes nothing.
fn cannot_be_locked() {
    let policies = [Cleanup::LastOut, Cleanup::Owner];
    let names = policies.map(|_| unique_name("locked"));
    let files: Vec<_> = std::thread::scope(|scope| {
        let leave = |cleanup, name| {
            scope.spawn(move || {
                let array = create_for(cleanup, name);
                let file = File::options().read(true).write(true).open(path(name)).unwrap();
                lock_name(&file).unwrap();
                drop(array);
                file
            })
        };
        let leaving: Vec<_> =
            policies.into_iter().zip(&names).map(|(policy, name)| leave(policy, name)).collect();
        leaving.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(leaks::entries().len(), 2, "removed without the lock");
    drop(files);
    assert_eq!(Posix::default().collect().unwrap().len(), 2);
    assert_eq!(leaks::entries(), [""; 0]);
}

/// There is an array of that name all the time: the old one or the new.
fn never_free() {
    const TIMES: usize = 3000;
    let name = unique_name("replaced");
    let first = create(Publish::Unnamed, &name, 1, false);
    let replacer = Child::fork(|| {
        process::die_if_hanging(60);
        let mut newest = None;
        for time in 0..TIMES {
            let publish = [Publish::Unnamed, Publish::Temporary][time % 2];
            newest = Some(create(publish, &name, 2, true));
        }
        std::mem::forget(newest); // it ends without leaving, so the name stays
        0
    });
    let mut looks = 0;
    while !replacer.ends_within(Duration::ZERO) {
        assert!(fs::symlink_metadata(path(&name)).is_ok(), "the name was free");
        looks += 1;
    }
    assert!(replacer.wait().success());
    println!("{looks} looks at a name that was replaced {TIMES} times");
    drop(first);
    assert!(Posix::default().delete(&name).unwrap());
    assert_eq!(leaks::entries(), [""; 0]);
}
