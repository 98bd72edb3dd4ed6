//! What forked children find, share and own.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use shm_anon::{Anon, AnonSegment};
use shm_conformance::process::{self, Child, in_a_child};
use shm_conformance::{bytes, leaks, spec, unique_name};
use shm_core::{
    Access, Attached, Backend, Commit, ErrorKind, Fill, Header, Name, Named, Region, Result,
    Segment, Spec,
};

const FORKS: usize = 2000;

fn main() {
    process::main(
        &[],
        &[
            ("children_forked_amid_creates_and_drops", amid_creates_and_drops),
            ("a_child_shares_what_it_finds_by_name", child_shares),
            ("a_child_cannot_see_what_is_made_later", made_later),
            ("a_child_takes_nothing_from_its_parent", child_takes_nothing),
            ("a_child_outlives_its_parent", parent_first),
            ("more_memory_than_there_is", more_memory_than_there_is),
        ],
    );
}

type Array = Attached<AnonSegment>;

fn create(name: &Name, value: u8) -> Array {
    let mut fill = |header: &Header, region: &dyn Region| -> Result<()> {
        bytes::fill(header, region, value);
        Ok(())
    };
    Anon.create(&spec(name, 100), Some(Fill::InPlace(&mut fill))).unwrap()
}

fn attach(name: &Name) -> Result<Array> {
    Anon.attach(name.clone(), Access::ReadWrite)
}

fn assert_all(array: &Array, value: u8) {
    assert_eq!(bytes::data(array.segment.header(), &array.region), [value; 800]);
}

/// Whatever the other threads were doing: the child finds a registry that is whole and free.
fn amid_creates_and_drops() {
    let known = unique_name("known");
    let array = create(&known, 7);
    let busy = [unique_name("busy"), unique_name("busy")];
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for name in &busy {
            let over = &over;
            scope.spawn(move || {
                while !over.load(Relaxed) {
                    let array = create(name, 1);
                    drop(Anon.attach(name.clone(), Access::ReadOnly).unwrap());
                    drop(array);
                }
            });
        }
        process::fork_many(FORKS, || live(&known, &busy));
        over.store(true, Relaxed);
    });
    assert_all(&array, 7);
}

/// What a child does with its life: attach by name, and an array of its own.
fn live(known: &Name, busy: &[Name]) {
    assert_all(&attach(known).unwrap(), 7);
    for name in busy {
        match attach(name) {
            Ok(array) => assert_all(&array, 1),
            Err(error) => assert!(matches!(error.kind(), ErrorKind::NotFound { .. }), "{error}"),
        }
    }
    let name = unique_name("child");
    let own = create(&name, 8);
    assert_all(&attach(&name).unwrap(), 8);
    drop(own);
    assert!(attach(&name).is_err());
}

fn child_shares() {
    let name = unique_name("shared");
    let array = create(&name, 1);
    in_a_child(|| {
        let found = attach(&name).unwrap();
        assert_all(&found, 1);
        bytes::fill(found.segment.header(), &found.region, 2);
        let reader = Anon.attach(name.clone(), Access::ReadOnly).unwrap();
        assert!(!bytes::is_writable(&reader.region, 12_300));
        in_a_child(|| assert_all(&attach(&name).unwrap(), 2));
    });
    assert_all(&array, 2);
}

fn made_later() {
    let name = unique_name("later");
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut writer = Some(writer);
    let child = Child::fork(|| {
        drop(writer.take());
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
        i32::from(attach(&name).is_ok())
    });
    let array = create(&name, 1);
    drop(writer);
    assert!(child.wait().success());
    drop(array);
}

fn child_takes_nothing() {
    let name = unique_name("inherited");
    let mut held = Some(create(&name, 1));
    in_a_child(|| {
        let inherited = held.take().unwrap();
        inherited.segment.destroy().unwrap();
        drop(inherited);
    });
    in_a_child(|| assert!(Anon.delete(&name).unwrap()));
    assert_all(&held.unwrap(), 1);
    assert!(attach(&name).is_err());
    assert_eq!(leaks::entries(), [""; 0]);
}

fn parent_first() {
    let name = unique_name("parent");
    let (mut answers, answer) = std::io::pipe().unwrap();
    let parent = Child::fork(|| {
        let array = create(&name, 1);
        let (mut parent_lives, life) = std::io::pipe().unwrap();
        let mut life = Some(life);
        std::mem::forget(Child::fork(|| {
            drop(life.take());
            assert_eq!(parent_lives.read(&mut [0]).unwrap(), 0, "the end of its parent");
            assert_all(&attach(&name).unwrap(), 1);
            (&answer).write_all(b"whole").unwrap();
            0
        }));
        drop(array);
        0
    });
    drop(answer);
    assert!(parent.wait().success());
    let mut text = String::new();
    answers.read_to_string(&mut text).unwrap();
    assert_eq!(text, "whole");
}

/// It is refused before the machine is filled. Should it ever not be, this child goes first.
fn more_memory_than_there_is() {
    in_a_child(|| {
        std::fs::write("/proc/self/oom_score_adj", "1000").unwrap();
        let before = leaks::Snapshot::take();
        let name = unique_name("memory");
        let total = std::fs::read_to_string("/proc/meminfo").unwrap();
        let total: usize = total.split_whitespace().nth(1).unwrap().parse().unwrap(); // in KiB
        let spec = Spec { commit: Commit::Populate, ..spec(&name, total * 128) };
        let error = Anon.create(&spec, None).map(drop).unwrap_err();
        let ErrorKind::NoSpace { needs, .. } = error.kind() else { panic!("{error}") };
        assert_eq!(*needs, total as u64 * 1024 + 12_288);
        before.assert_unchanged("more memory than there is");
    });
}
