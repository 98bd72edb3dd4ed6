//! Identities across forks, deaths and PID namespaces, and limits that are reached.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test
#![allow(unsafe_code)] // mmap(2) of an address that must be free.

#[allow(dead_code)] // some of it is for the other tests
mod common;
#[allow(dead_code)] // one way to publish is enough here
mod harness;

use rustix::process::geteuid;
use shm_conformance::process::{self, Child, Partner};
use shm_conformance::user::as_nobody;
use shm_conformance::{identity_forks, limits, private, unique_name};
use shm_core::{Access, ErrorKind, Identified, Name, Result, Segment};
use shm_posix::Publish;
use shm_presence::{Identity, Owner, is_held};

use common::{Array, attach, create};
use harness::Unnamed;

fn main() {
    let apart: [(&str, fn()); 4] = [
        ("participants_see_each_other_across_pid_namespaces", across_namespaces),
        ("a_child_with_its_parents_pid_unmaps_nothing", same_pid),
        ("a_reader_sees_who_is_alive_and_may_be_refused_a_slot", another_user),
        ("without_proc_a_slot_is_taken_by_name", without_proc),
    ];
    let tests: Vec<_> =
        identity_forks::<Unnamed>().into_iter().chain(apart).chain(limits::<Unnamed>()).collect();
    process::main(&[("outside", outside), ("inside", inside)], &tests);
}

fn take(identity: &Identity, array: &Array) -> Result<Owner> {
    identity.take(|| array.segment.open_locks(), 8, |_| 1)
}

fn held(array: &Array) -> [bool; 3] {
    [0, 1, 2].map(|slot| is_held(array.segment.slot_locks().unwrap(), slot).unwrap())
}

/// Whether this process could have children in a PID namespace of their own; says if not.
fn namespaces_work() -> bool {
    let works = Child::fork(|| i32::from(!private::pids())).wait().success();
    if !works {
        println!("skipped: the system allows no PID namespaces");
    }
    works
}

fn across_namespaces() {
    if !namespaces_work() {
        return;
    }
    let array = create(Publish::Unnamed, &unique_name("apart"), 0, false);
    let identity = Identity::new();
    let name = array.segment.header().name().as_str();
    let holder = Child::idle(|| drop(take(&identity, &array).map(std::mem::forget)));
    let partner = Partner::start("outside", &[name, "true"]);
    assert_eq!(held(&array), [true, true, false]);
    drop(holder);
    assert_eq!(held(&array), [false, true, false]);
    partner.finish();
    assert_eq!(held(&array), [false; 3]);
    assert_eq!(take(&identity, &array).unwrap().slot(), 0);
    drop(identity);
    Partner::start("outside", &[name, "false"]).finish();
}

/// Keeps a process inside a new PID namespace until it may go on, then kills it.
fn outside(arguments: &[String]) {
    assert!(private::pids());
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let partner = Partner::start("inside", &arguments);
    process::ready();
    partner.kill();
}

/// Takes a slot where pids mean something else.
fn inside(arguments: &[String]) {
    let [name, first_is_held] = arguments else { panic!("{arguments:?}") };
    assert_eq!(std::process::id(), 1);
    let array = attach(&Name::new(name.as_str()).unwrap(), Access::ReadWrite).unwrap();
    let first_is_held = first_is_held.parse().unwrap();
    assert_eq!(held(&array), [first_is_held, false, false]);
    let identity = Identity::new();
    assert_eq!(take(&identity, &array).unwrap().slot(), u32::from(first_is_held));
    process::ready();
}

/// In new PID namespaces parent and child are both process 1. The child maps something where the
/// parent's slot is anchored, which must stay when the child's copy of the identity goes.
fn same_pid() {
    if !namespaces_work() {
        return;
    }
    let array = create(Publish::Unnamed, &unique_name("ones"), 0, false);
    let anchors = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let anchor = |line: &&str| line.contains(" ---p ") && line.contains("/dev/shm/");
        maps.lines().filter(anchor).map(String::from).collect::<Vec<_>>()
    };
    in_a_child_with_pid_1(|| {
        let mut identity = Identity::new();
        take(&identity, &array).unwrap();
        let [anchor] = &anchors()[..] else { panic!("{:?}", anchors()) };
        let address = usize::from_str_radix(anchor.split('-').next().unwrap(), 16).unwrap();
        let mut drops_its_copy = |takes_a_slot: bool| {
            assert_eq!(anchors(), [""; 0]);
            let (none, flags) = (libc::PROT_READ, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            let address = std::ptr::without_provenance_mut(address);
            // SAFETY: without MAP_FIXED nothing is replaced; the page is not used.
            let page = unsafe { libc::mmap(address, 4096, none, flags, -1, 0) };
            assert_eq!(page, address, "the page of the parent's anchor is free here");
            if takes_a_slot {
                assert_eq!(take(&identity, &array).unwrap().slot(), 1);
                assert_eq!(held(&array), [true, true, false]);
            }
            drop(std::mem::take(&mut identity));
            assert_eq!(held(&array), [true, false, false]);
            // SAFETY: msync of a mapped page does nothing, and of another fails with ENOMEM.
            assert_eq!(unsafe { libc::msync(page, 4096, libc::MS_ASYNC) }, 0, "it was unmapped");
        };
        in_a_child_with_pid_1(|| drops_its_copy(true));
        in_a_child_with_pid_1(|| drops_its_copy(false));
    });
    assert_eq!(held(&array), [false; 3]);
}

fn in_a_child_with_pid_1(test: impl FnOnce()) {
    let child = Child::fork(|| {
        assert!(private::pids());
        let child = Child::fork(|| {
            process::die_if_hanging(60);
            assert_eq!(std::process::id(), 1);
            test();
            0
        });
        i32::from(!child.wait().success())
    });
    assert!(child.wait().success());
}

fn another_user() {
    let array = create(Publish::Unnamed, &unique_name("refused"), 0, false);
    let reader = attach(array.segment.header().name(), Access::ReadOnly).unwrap();
    let (one, two) = (Identity::new(), Identity::new());
    assert_eq!(take(&one, &array).unwrap().slot(), 0);
    assert_eq!(held(&reader), [true, false, false]);
    assert_eq!(take(&two, &reader).unwrap().slot(), 1, "it may open the file for writing");
    if !geteuid().is_root() {
        println!("the rest skipped: another user's needs root");
        return;
    }
    as_nobody(|| {
        let error = take(&Identity::new(), &array).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::AccessDenied { .. }), "{error}");
        assert_eq!(held(&array), [true, true, false]);
    });
}

fn without_proc() {
    let array = create(Publish::Unnamed, &unique_name("no-proc"), 0, false);
    let child = Child::fork(|| {
        if !private::hide("/proc") {
            println!("skipped: the system does not let /proc be hidden");
            return 0;
        }
        let by_name = Identity::new();
        assert_eq!(take(&by_name, &array).unwrap().slot(), 0);
        assert_eq!(held(&array), [true, false, false]);
        drop(by_name);
        let path = format!("/dev/shm/{}", array.segment.header().name());
        std::fs::rename(&path, format!("{path}-moved")).unwrap();
        std::fs::write(&path, "another file").unwrap();
        let error = take(&Identity::new(), &array).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Path { .. }), "{error}");
        assert_eq!(held(&array), [false; 3]);
        std::fs::rename(format!("{path}-moved"), &path).unwrap();
        0
    });
    assert!(child.wait().success());
}
