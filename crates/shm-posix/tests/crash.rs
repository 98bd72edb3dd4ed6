//! SIGKILL at each step of create, force, attach, leave and delete. Needs strace(1).
#![allow(clippy::unwrap_used)] // a failed step fails the test

#[allow(dead_code)] // some of it is for the other tests
mod common;

use shm_conformance::process::{self, Partner};
use shm_conformance::{kill, leaks, unique_name};
use shm_core::{Access, Backend, ErrorKind, Name, Named, Segment};
use shm_posix::{Posix, Publish};

use common::{assert_all, attach, create, holds};

fn main() {
    process::main(
        &[
            ("create", |to| {
                drop(kill::between(|| create(publish(&to[0]), &name(&to[1]), 2, false)));
            }),
            ("force", |to| drop(kill::between(|| create(publish(&to[0]), &name(&to[1]), 2, true)))),
            ("attach", |to| drop(kill::between(|| attach(&name(&to[0]), access(&to[1]))))),
            ("leave", |to| {
                let array = attach(&name(&to[0]), access(&to[1])).unwrap();
                kill::between(|| drop(array));
            }),
            ("delete", |to| {
                let free = kill::between(|| Posix::default().delete(&name(&to[0])));
                assert!(free.unwrap());
            }),
            ("hold", |to| {
                let array = create(Publish::Unnamed, &name(&to[0]), 1, false);
                process::ready();
                drop(array);
            }),
            ("successor", |to| drop(create(Publish::Unnamed, &name(&to[0]), 3, false))),
        ],
        &[
            ("creator_killed_at_each_step", || creator_killed("unnamed")),
            ("creator_under_a_temporary_name_killed_at_each_step", || creator_killed("temporary")),
            ("replacer_killed_at_each_step", || replacer_killed("unnamed")),
            ("replacer_under_a_temporary_name_killed_at_each_step", || {
                replacer_killed("temporary");
            }),
            ("attacher_killed_at_each_step_of_attach", || attacher_killed("attach", "rw")),
            ("reader_killed_at_each_step_of_attach", || attacher_killed("attach", "ro")),
            ("attacher_killed_at_each_step_of_leaving", || attacher_killed("leave", "rw")),
            ("reader_killed_at_each_step_of_leaving", || attacher_killed("leave", "ro")),
            ("last_one_killed_at_each_step_of_leaving", || last_one_killed("rw")),
            ("last_reader_killed_at_each_step_of_leaving", || last_one_killed("ro")),
            ("deleter_killed_at_each_step", deleter_killed),
            ("creator_killed_while_others_are_attached", creator_killed_while_attached),
        ],
    );
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn publish(text: &str) -> Publish {
    if text == "temporary" { Publish::Temporary } else { Publish::Unnamed }
}

fn access(text: &str) -> Access {
    if text == "ro" { Access::ReadOnly } else { Access::ReadWrite }
}

/// A new process of its own creates an array of that name at once, and takes it away again.
fn assert_nobody_is_blocked(name: &Name) {
    process::play("successor", &[name.as_str()]);
}

/// The number of the step that gives the segment its name.
fn publication(steps: &[kill::Step], name: &Name) -> usize {
    let quoted = format!("/{name}\"");
    let names = |step: &kill::Step| {
        step.call.starts_with("link")
            || step.call.starts_with("rename") && step.text.contains(&quoted)
    };
    let succeeded = |step: &kill::Step| step.text.ends_with(" = 0");
    steps.iter().position(|step| names(step) && succeeded(step)).unwrap()
}

/// Before the one step that publishes there is nothing, after it everything.
fn creator_killed(how: &str) {
    let name = unique_name("create");
    kill::at_every_step("create", &[how, name.as_str()], |at, steps| {
        let ended_well = at == steps.len();
        let is_published = !ended_well && at > publication(steps, &name);
        let mut entries = leaks::entries();
        if how == "temporary" && !is_published {
            let temporary = entries.iter().position(|entry| is_temporary(entry));
            temporary.map(|at| entries.remove(at));
        }
        let expected = Vec::from_iter(is_published.then(|| name.to_string()));
        assert_eq!(entries, expected, "killed at {:?}", steps.get(at));
        if is_published {
            assert_all(&attach(&name, Access::ReadWrite).unwrap(), 2);
        }
        assert_nobody_is_blocked(&name);
        assert_eq!(leaks::entries(), [""; 0], "killed at {:?}", steps.get(at));
    });
}

fn is_temporary(entry: &str) -> bool {
    entry.starts_with(".shmarray-tmp-")
}

/// The name always leads to the old or the new segment, whole; those who had the old one keep it.
fn replacer_killed(how: &str) {
    let (name, other) = (unique_name("force"), unique_name("other"));
    let old = std::cell::RefCell::new(Some(create(Publish::Unnamed, &name, 1, false)));
    kill::at_every_step("force", &[how, name.as_str()], |at, steps| {
        let held = old.borrow_mut().take().unwrap();
        let entries = leaks::entries();
        let (temporary, others): (Vec<_>, Vec<_>) =
            entries.iter().partition(|entry| is_temporary(entry));
        assert!(temporary.len() <= 1, "killed at {:?}: {entries:?}", steps.get(at));
        if let Some(found) = others.first() {
            assert_eq!((found.as_str(), others.len()), (name.as_str(), 1));
            let now = attach(&name, Access::ReadWrite).unwrap();
            let is_old = now.segment.header() == held.segment.header();
            assert_all(&now, if is_old { 1 } else { 2 });
        } else {
            assert_eq!(at, steps.len(), "the name was lost at {:?}", steps.get(at));
        }
        assert_all(&held, 1);
        drop(held);
        process::play("successor", &[other.as_str()]);
        assert_eq!(leaks::entries(), [""; 0], "killed at {:?}", steps.get(at));
        old.replace(Some(create(Publish::Unnamed, &name, 1, false)));
    });
}

/// Whoever dies while attaching or leaving harms nobody: not the creator, not those who come after,
/// and the name goes with the last one out.
fn attacher_killed(operation: &str, access: &str) {
    let name = unique_name(operation);
    let create = || create(Publish::Unnamed, &name, 1, false);
    let held = std::cell::RefCell::new(Some(create()));
    kill::at_every_step(operation, &[name.as_str(), access], |at, steps| {
        let array = held.borrow_mut().take().unwrap();
        assert_all(&array, 1);
        assert!(holds(&array));
        assert_all(&attach(&name, Access::ReadWrite).unwrap(), 1);
        assert!(holds(&array), "killed at {:?}", steps.get(at));
        drop(array);
        let error = attach(&name, Access::ReadWrite).map(drop).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NotFound { .. }), "{error}");
        assert_eq!(leaks::entries(), [""; 0], "killed at {:?}", steps.get(at));
        held.replace(Some(create()));
    });
}

/// The last one, killed while leaving, leaves either nothing or a whole segment, which the next
/// one takes along.
fn last_one_killed(access: &str) {
    let name = unique_name("last");
    let abandon = || {
        let creator = Partner::start("hold", &[name.as_str()]);
        creator.kill();
    };
    abandon();
    kill::at_every_step("leave", &[name.as_str(), access], |at, steps| {
        match attach(&name, Access::ReadWrite) {
            Ok(array) => assert_all(&array, 1),
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::NotFound { .. }), "{error}");
            }
        }
        assert_nobody_is_blocked(&name);
        assert_eq!(leaks::entries(), [""; 0], "killed at {:?}", steps.get(at));
        abandon();
    });
    drop(attach(&name, Access::ReadWrite).unwrap());
}

/// The name leads to the whole segment or nowhere, and can be deleted again.
fn deleter_killed() {
    let name = unique_name("delete");
    let create = || create(Publish::Unnamed, &name, 1, false);
    let held = std::cell::RefCell::new(Some(create()));
    kill::at_every_step("delete", &[name.as_str()], |at, steps| {
        let array = held.borrow_mut().take().unwrap();
        if holds(&array) {
            assert_all(&attach(&name, Access::ReadWrite).unwrap(), 1);
        }
        assert_all(&array, 1);
        assert!(Posix::default().delete(&name).unwrap(), "killed at {:?}", steps.get(at));
        assert_eq!(leaks::entries(), [""; 0]);
        drop(array);
        held.replace(Some(create()));
    });
}

/// They can go on, others can join them, and the last of them takes the name along.
fn creator_killed_while_attached() {
    let name = unique_name("orphan");
    let creator = Partner::start("hold", &[name.as_str()]);
    let first = attach(&name, Access::ReadWrite).unwrap();
    let reader = attach(&name, Access::ReadOnly).unwrap();
    creator.kill();
    assert_all(&first, 1);
    let late = attach(&name, Access::ReadWrite).unwrap();
    drop(first);
    drop(late);
    assert_all(&reader, 1);
    assert_eq!(leaks::entries(), [name.as_str()]);
    drop(reader);
    assert_eq!(leaks::entries(), [""; 0]);
    let error = Posix::default().attach(shm_posix::NameOrFd::Name(name), Access::ReadOnly);
    assert!(matches!(error.map(drop).unwrap_err().kind(), ErrorKind::NotFound { .. }));
}
