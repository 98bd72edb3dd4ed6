//! What a process that ends by `exit` still has: its names go, and nothing of what others have.
#![allow(clippy::unwrap_used)] // a failed step fails the test
#![allow(unsafe_code)] // fork, _exit, exit, raise

#[allow(dead_code)] // some of it is for the other tests
mod common;

use std::io::{Read, Write, pipe};
use std::mem::forget;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::OnceLock;

use shm_conformance::process::{self, Child};
use shm_conformance::{leaks, spec, unique_name};
use shm_core::{Access, Backend, Cleanup, Handover, Name, Region, Spec};
use shm_posix::{Posix, Publish};
use shm_presence::lock_name;

use common::{Array, assert_all, attach, create};

fn main() {
    let roles: &[process::Role] = &[
        ("static", |to| in_a_static(&to[0])),
        ("forget", |to| forget(made(&to[0]))),
        ("exit", |to| exits(&to[0])),
        ("from-a-thread", |to| from_a_thread(&to[0])),
        ("owner", |to| forget(with_policy(&to[0], Cleanup::Owner))),
        ("persist", |to| forget(with_policy(&to[0], Cleanup::Persist))),
        ("attached", |to| forget(attach(&to[0].parse().unwrap(), Access::ReadOnly).unwrap())),
        ("exec-before", |to| exec_before(&to[0])),
        ("child-lives", |to| child_lives(&to[0])),
        ("child-exits", |to| child_exits(&to[0])),
        ("lent", |to| lent(&to[0])),
        ("_exit", |to| killed(&to[0], || process::exit(0))),
        ("abort", |to| killed(&to[0], || std::process::abort())),
        ("signal", |to| killed(&to[0], || raise(libc::SIGTERM))),
    ];
    let tests: &[(&str, fn())] = &[
        ("the_names_of_what_a_process_has_go_with_it", names_go),
        ("what_is_to_persist_persists", persists),
        ("a_name_that_others_use_is_left_to_them", left_to_others),
        ("a_successor_keeps_its_name", successor),
        ("a_name_that_is_being_changed_is_not_waited_for", not_waited_for),
        ("a_child_that_lives_keeps_the_name_and_presence", keeps_presence),
        ("a_child_that_exits_takes_nothing_from_its_parent", takes_nothing),
        ("a_description_that_was_handed_over_stays_present", handed_over),
        ("what_is_killed_leaves_its_name_until_it_is_collected", kills),
    ];
    process::main(roles, tests);
}

fn made(name: &str) -> Array {
    create(Publish::Unnamed, &name.parse().unwrap(), 1, false)
}

fn with_policy(name: &str, cleanup: Cleanup) -> Array {
    let spec = Spec { cleanup, ..spec(&name.parse().unwrap(), 100) };
    Posix::default().create(&spec, None).unwrap()
}

fn in_a_static(name: &str) {
    static KEPT: OnceLock<Array> = OnceLock::new();
    KEPT.get_or_init(|| made(name));
}

fn exits(name: &str) {
    let (_array, _another) = (made(name), attach(&name.parse().unwrap(), Access::ReadOnly));
    std::process::exit(0);
}

/// Others write until the end: nothing is unmapped.
fn from_a_thread(name: &str) {
    let array = made(name);
    let begun = std::sync::Barrier::new(3);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let len = array.region.len();
                begun.wait();
                for at in (0..).map(|step: usize| 12_288 + step % (len - 12_288)) {
                    // SAFETY: within the region.
                    let byte = unsafe { array.region.start().as_ptr().add(at) };
                    // SAFETY: mapped for writing, behind the header; others use it likewise only.
                    unsafe { byte.write_volatile(7) };
                }
            });
        }
        begun.wait();
        std::process::exit(0);
    });
}

/// A child that goes to another program at once is none that has anything.
fn exec_before(name: &str) {
    let array = made(name);
    assert!(std::process::Command::new("true").status().unwrap().success());
    forget(array);
}

fn child_lives(name: &str) {
    let array = made(name);
    forget((array, Child::idle(|| println!("{}", std::process::id()))));
}

/// By `exit`, with its exit handlers.
fn child_exits(name: &str) {
    let array = made(name);
    // SAFETY: this process has one thread.
    let child = unsafe { libc::fork() };
    if child == 0 {
        forget(array);
        std::process::exit(0);
    }
    let mut status = 0;
    // SAFETY: a child of ours that has not been waited for.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0);
    drop(attach(&name.parse().unwrap(), Access::ReadOnly).unwrap());
    forget(array);
    process::exit(0);
}

/// To whom cannot be seen.
fn lent(name: &str) {
    let array = made(name);
    let _ = array.segment.file();
    forget(array);
}

fn killed(name: &str, end: impl Fn()) {
    forget(made(name));
    end();
}

fn raise(signal: i32) {
    // SAFETY: raise has no preconditions.
    unsafe { libc::raise(signal) };
}

fn run(role: &str, name: &Name) -> ExitStatus {
    process::again(role, &[name.as_str()]).status().unwrap()
}

fn names_go() {
    for role in ["static", "forget", "exit", "from-a-thread", "owner", "exec-before"] {
        let name = unique_name(role);
        assert!(run(role, &name).success(), "{role}");
        assert_eq!(leaks::entries(), [""; 0], "{role}");
    }
}

fn persists() {
    let name = unique_name("persists");
    assert!(run("persist", &name).success());
    drop(attach(&name, Access::ReadOnly).unwrap());
    std::fs::remove_file(format!("/dev/shm/{name}")).unwrap();
}

fn left_to_others() {
    let name = unique_name("others");
    let mine = create(Publish::Unnamed, &name, 1, false);
    assert!(run("attached", &name).success());
    assert_eq!(leaks::entries(), [name.as_str()]);
    drop(mine);
    assert_eq!(leaks::entries(), [""; 0]);
}

fn successor() {
    let name = unique_name("successor");
    let ((mut made, report), (mut go_on, go)) = (pipe().unwrap(), pipe().unwrap());
    let child = Child::fork(|| {
        let old = create(Publish::Unnamed, &name, 1, false);
        (&report).write_all(b"!").unwrap();
        go_on.read_exact(&mut [0]).unwrap();
        forget(old);
        // SAFETY: exit has no preconditions; the child has one thread.
        unsafe { libc::exit(0) }
    });
    made.read_exact(&mut [0]).unwrap();
    let new = create(Publish::Unnamed, &name, 2, true);
    (&go).write_all(b"!").unwrap();
    assert!(child.wait().success());
    assert_all(&attach(&name, Access::ReadOnly).unwrap(), 2);
    drop(new);
    assert_eq!(leaks::entries(), [""; 0]);
}

fn not_waited_for() {
    let name = unique_name("locked");
    let child = Child::fork(|| {
        let array = create(Publish::Unnamed, &name, 1, false);
        let path = format!("/dev/shm/{name}");
        let busy = std::fs::File::options().read(true).write(true).open(path).unwrap();
        lock_name(&busy).unwrap();
        forget((array, busy));
        // SAFETY: exit has no preconditions; the child has one thread.
        unsafe { libc::exit(0) }
    });
    assert!(child.wait().success());
    assert_eq!(leaks::entries(), [name.as_str()]);
    assert_eq!(Posix::default().collect().unwrap().len(), 1);
}

fn keeps_presence() {
    let name = unique_name("child");
    let mut role = process::again("child-lives", &[name.as_str()]);
    let mut parent = role.stdout(Stdio::piped()).spawn().unwrap();
    let mut child = String::new();
    let mut output = parent.stdout.take().unwrap();
    while !child.ends_with('\n') {
        let mut byte = [0];
        output.read_exact(&mut byte).unwrap();
        child.push(char::from(byte[0]));
    }
    assert!(parent.wait().unwrap().success());
    assert_eq!(leaks::entries(), [name.as_str()]);
    assert_eq!(Posix::default().collect().unwrap(), [], "the child is present");
    let child = rustix::process::Pid::from_raw(child.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(child, rustix::process::Signal::KILL).unwrap();
    process::die_if_hanging(60);
    while Posix::default().collect().unwrap().is_empty() {}
    process::die_if_hanging(0);
    assert_eq!(leaks::entries(), [""; 0]);
}

fn takes_nothing() {
    let name = unique_name("parent");
    assert!(run("child-exits", &name).success());
    assert_eq!(Posix::default().collect().unwrap().len(), 1);
}

fn handed_over() {
    let name = unique_name("lent");
    assert!(run("lent", &name).success());
    assert_eq!(Posix::default().collect().unwrap().len(), 1);
}

fn kills() {
    for (role, signal) in
        [("_exit", None), ("abort", Some(libc::SIGABRT)), ("signal", Some(libc::SIGTERM))]
    {
        let name = unique_name("killed");
        assert_eq!(run(role, &name).signal(), signal);
        assert_eq!(leaks::entries(), [name.as_str()], "{role}");
        assert_eq!(Posix::default().collect().unwrap().len(), 1, "{role}");
    }
}
