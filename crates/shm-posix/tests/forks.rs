//! Forks at any instant, and what forked children own: nothing.
#![allow(clippy::unwrap_used)] // a failed step fails the test

#[allow(dead_code)] // some of it is for the other tests
mod common;

use std::io::{Read, Write};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use shm_conformance::process::{self, Child};
use shm_conformance::{leaks, spec, unique_name};
use shm_core::{Access, Backend, Cleanup, ErrorKind, Handover, Name, Named, Segment, Spec};
use shm_posix::{Posix, Publish};

use common::{assert_all, attach, create, holds, try_create};

const FORKS: usize = 1000;

fn main() {
    process::main(
        &[("leaver", leaver)],
        &[
            ("children_forked_amid_creates_and_drops", amid_creates_and_drops),
            ("arrays_dropped_amid_programs_being_started", amid_programs),
            ("a_child_removes_nothing_it_inherited", child_drops),
            ("a_parent_that_left_looks_again", parent_looks_again),
            ("a_child_does_not_look_again_for_its_parent", only_parent_looks_again),
            ("a_name_is_looked_at_again_when_the_process_ends", last_look),
            ("the_mode_does_not_depend_on_the_umask", any_umask),
            ("a_name_orphaned_by_a_kill_is_free", orphaned_names),
            ("a_child_outlives_a_parent_that_left", || parent_first(false)),
            ("a_child_outlives_a_parent_that_was_killed", || parent_first(true)),
        ],
    );
}

/// Runs `main` while other threads create, attach and drop arrays all the time.
fn while_others_create_and_drop(main: impl FnOnce()) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for publish in [Publish::Unnamed, Publish::Temporary] {
            let over = &over;
            scope.spawn(move || {
                while !over.load(Relaxed) {
                    let name = unique_name("thread");
                    let array = create(publish, &name, 1, false);
                    drop(attach(&name, Access::ReadOnly).unwrap());
                    drop(array);
                }
            });
        }
        main();
        over.store(true, Relaxed);
    });
}

fn amid_creates_and_drops() {
    let known = create(Publish::Unnamed, &unique_name("known"), 7, false);
    while_others_create_and_drop(|| {
        process::fork_many(FORKS, || live(known.segment.header().name()));
    });
    assert!(holds(&known));
    drop(known);
    assert_nothing_left();
}

/// What was left to children that have ended goes while other arrays come and go.
fn assert_nothing_left() {
    for _ in 0..10_000 {
        if leaks::entries().is_empty() {
            return;
        }
        drop(create(Publish::Unnamed, &unique_name("next"), 1, false));
    }
    assert_eq!(leaks::entries(), [""; 0]);
}

/// What a child does with its life: attach by name, and an array of its own.
fn live(known: &Name) {
    let array = attach(known, Access::ReadWrite).unwrap();
    assert_all(&array, 7);
    let own = create(Publish::Unnamed, &unique_name("child"), 8, false);
    assert_all(&own, 8);
}

/// A child on its way from fork to exec has the descriptors for a moment: names that are left to
/// it must go all the same.
fn amid_programs() {
    while_others_create_and_drop(|| {
        for _ in 0..200 {
            assert!(Command::new("true").status().unwrap().success());
        }
    });
    assert_nothing_left();
}

fn child_drops() {
    let name = unique_name("inherited");
    let array = create(Publish::Unnamed, &name, 1, false);
    let mut reader = Some(attach(&name, Access::ReadOnly).unwrap());
    let mut held = Some(array);
    let child = Child::fork(|| {
        let Some(inherited) = held.take() else { return 1 };
        assert_all(&inherited, 1);
        let error = inherited.segment.destroy().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ForkedChild { .. }), "{error}");
        assert_all(&attach(&name, Access::ReadWrite).unwrap(), 1);
        drop(inherited);
        drop(reader.take());
        0
    });
    assert!(child.wait().success());
    let array = held.unwrap();
    assert!(holds(&array));
    assert_all(&array, 1);
    drop((array, reader));
    assert_eq!(leaks::entries(), [""; 0]);
}

/// The child has the data, so the name stays; whoever attaches next takes it along.
fn parent_first(is_killed: bool) {
    let name = unique_name("parent");
    let (mut answers, answer) = std::io::pipe().unwrap();
    let parent = Child::fork(|| {
        let array = create(Publish::Unnamed, &name, 1, false);
        let (mut parent_lives, life) = std::io::pipe().unwrap();
        let mut life = Some(life);
        std::mem::forget(Child::fork(|| {
            drop(life.take());
            assert_eq!(parent_lives.read(&mut [0]).unwrap(), 0, "the end of its parent");
            assert_all(&array, 1);
            (&answer).write_all(b"whole").unwrap();
            0
        }));
        (&answer).write_all(b"forked").unwrap();
        if is_killed {
            assert_eq!(parent_lives.read(&mut [0]).unwrap(), 0, "never: it is the one who lives");
        }
        std::mem::forget(life); // closed by the end of this process, after it has left the array
        0
    });
    drop(answer);
    let mut first = [0; 6];
    answers.read_exact(&mut first).unwrap();
    if is_killed {
        parent.kill();
    }
    assert_eq!(parent.wait().success(), !is_killed);
    let mut rest = String::new();
    answers.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "whole");
    assert_all(&attach(&name, Access::ReadWrite).unwrap(), 1);
    assert_eq!(leaks::entries(), [""; 0]);
}

/// A child that has all that this process has, until the gate is dropped.
fn child_behind_a_gate() -> (Child, std::io::PipeWriter) {
    let (mut let_go, gate) = std::io::pipe().unwrap();
    let mut gate = Some(gate);
    let child = Child::fork(|| {
        drop(gate.take());
        assert_eq!(let_go.read(&mut [0]).unwrap(), 0);
        0
    });
    (child, gate.unwrap())
}

/// The parent leaves first, and removes the name once its child has ended.
fn parent_looks_again() {
    let name = unique_name("left");
    let array = create(Publish::Unnamed, &name, 1, false);
    let (child, gate) = child_behind_a_gate();
    drop(array);
    drop(create(Publish::Unnamed, &unique_name("other"), 1, false));
    assert_eq!(leaks::entries().len(), 1, "its child has it still");
    drop(gate);
    assert!(child.wait().success());
    assert_nothing_left();
}

/// What the parent left is not for another child to remove, though nobody is present any more.
fn only_parent_looks_again() {
    let name = unique_name("left");
    let array = create(Publish::Unnamed, &name, 1, false);
    let (child, gate) = child_behind_a_gate();
    drop(array);
    drop(gate);
    assert!(child.wait().success());
    process::in_a_child(|| {
        for _ in 0..10 {
            drop(create(Publish::Unnamed, &unique_name("other"), 1, false));
        }
        assert_eq!(leaks::entries(), [name.as_str()]);
    });
    assert_nothing_left();
}

/// A killed process cannot remove its names: they block nobody, unless they are to persist.
fn orphaned_names() {
    let orphan = |cleanup: Cleanup| {
        let name = unique_name("orphan");
        let (mut ready, made) = std::io::pipe().unwrap();
        let (mut never, _kept) = std::io::pipe().unwrap();
        let child = Child::fork(|| {
            let spec = Spec { cleanup, ..spec(&name, 100) };
            std::mem::forget(Posix::default().create(&spec, None).unwrap());
            (&made).write_all(b"!").unwrap();
            never.read_exact(&mut [0]).unwrap(); // it is killed
            0
        });
        ready.read_exact(&mut [0]).unwrap();
        let error = try_create(Publish::Unnamed, &name, 2, false).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::AlreadyExists { .. }), "in use: {error}");
        child.kill();
        name
    };
    for cleanup in [Cleanup::LastOut, Cleanup::Owner] {
        for publish in [Publish::Unnamed, Publish::Temporary] {
            let name = orphan(cleanup);
            assert_all(&create(publish, &name, 2, false), 2);
        }
    }
    let name = orphan(Cleanup::Persist);
    let error = try_create(Publish::Unnamed, &name, 2, false).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::AlreadyExists { .. }), "{error}");
    assert!(Posix::default().delete(&name).unwrap());
    let foreign = format!("/dev/shm/{name}");
    std::fs::write(&foreign, [0; 9000]).unwrap();
    let error = try_create(Publish::Unnamed, &name, 2, false).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::AlreadyExists { .. }), "{error}");
    std::fs::remove_file(foreign).unwrap();
    assert_eq!(leaks::entries(), [""; 0]);
}

/// A process that leaves an array to a child, outlives the child, and makes no array any more.
fn leaver(_: &[String]) {
    let array = create(Publish::Unnamed, &unique_name("leaver"), 1, false);
    let (child, gate) = child_behind_a_gate();
    drop(array);
    assert_eq!(leaks::entries().len(), 1, "its child has it still");
    drop(gate);
    assert!(child.wait().success());
}

fn last_look() {
    process::play("leaver", &[]);
    assert_eq!(leaks::entries(), [""; 0]);
}

fn any_umask() {
    let child = Child::fork(|| {
        rustix::process::umask(rustix::fs::Mode::all());
        for publish in [Publish::Unnamed, Publish::Temporary] {
            let array = create(publish, &unique_name("umask"), 1, false);
            let mode = rustix::fs::fstat(array.segment.file()).unwrap().st_mode;
            assert_eq!(mode & 0o7777, 0o600);
        }
        0
    });
    assert!(child.wait().success());
}
