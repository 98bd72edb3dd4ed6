//! What the identity of a participant promises across forks and deaths, for tests that are
//! single-threaded when they fork.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use shm_core::DEFAULT_SLOTS;
use shm_presence::Identity;

use crate::harness::IdentityHarness;
use crate::process::{self, Child};
use crate::promises::identity::{create, held, take};

/// The tests of a backend, for [`process::main`].
pub fn identity_forks<H: IdentityHarness>() -> [(&'static str, fn()); 4] {
    [
        ("a_forked_child_takes_a_slot_of_its_own", child_takes_its_own::<H>),
        ("a_forked_child_takes_nothing_from_its_parent", child_drops::<H>),
        ("a_slot_ends_with_its_holder_though_a_child_lives", holder_is_killed::<H>),
        ("children_forked_amid_takes_hold_nothing", amid_takes::<H>),
    ]
}

fn child_takes_its_own<H: IdentityHarness>() {
    let (array, identity) = (create::<H>("family"), Identity::new());
    let own = take::<H>(&identity, &array).unwrap();
    let child = Child::idle(|| {
        assert_eq!(identity.owner(), None);
        let own = take::<H>(&identity, &array).unwrap();
        assert_eq!((own.slot(), own.generation(), identity.owner()), (1, 1, Some(own)));
        let grandchild = Child::idle(|| {
            assert_eq!(identity.owner(), None);
            assert_eq!(take::<H>(&identity, &array).unwrap().slot(), 2);
        });
        assert_eq!([0, 1, 2].map(|slot| held::<H>(&array, slot)), [true; 3]);
        drop(grandchild);
        assert_eq!([0, 1, 2].map(|slot| held::<H>(&array, slot)), [true, true, false]);
    });
    assert_eq!([0, 1, 2].map(|slot| held::<H>(&array, slot)), [true, true, false]);
    assert_eq!(identity.owner(), Some(own));
    drop(child);
    assert_eq!([0, 1].map(|slot| held::<H>(&array, slot)), [true, false]);
}

fn child_drops<H: IdentityHarness>() {
    let (array, identity) = (create::<H>("drops"), Identity::new());
    take::<H>(&identity, &array).unwrap();
    let mut identity = Some(identity);
    let child = Child::idle(|| drop(identity.take()));
    assert!(held::<H>(&array, 0));
    drop(child);
    assert!(held::<H>(&array, 0));
    drop(identity);
    assert!(!held::<H>(&array, 0));
}

/// Its slot is free at once; whoever takes it is somebody else.
fn holder_is_killed<H: IdentityHarness>() {
    let (array, identity) = (create::<H>("killed"), Identity::new());
    let (mut over, end) = std::io::pipe().unwrap();
    let (mut answers, answer) = std::io::pipe().unwrap();
    let mut end = Some(end);
    let holder = Child::idle(|| {
        let owner = take::<H>(&identity, &array).unwrap();
        assert_eq!((owner.slot(), owner.generation()), (0, 1));
        std::mem::forget(Child::fork(|| {
            drop(end.take());
            assert_eq!(over.read(&mut [0]).unwrap(), 0, "the end of the test");
            (&answer).write_all(b"lived").unwrap();
            0
        }));
    });
    assert!(held::<H>(&array, 0));
    drop(holder); // by SIGKILL
    assert!(!held::<H>(&array, 0), "the idle child keeps the slot");
    let next = take::<H>(&identity, &array).unwrap();
    assert_eq!((next.slot(), next.generation()), (0, 2));
    drop((end, answer));
    let mut text = String::new();
    answers.read_to_string(&mut text).unwrap();
    assert_eq!(text, "lived");
}

/// Ends the other threads, also when this one fails.
struct AtItsEnd<'a>(&'a AtomicBool);

impl Drop for AtItsEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Whatever the other threads were doing: no child has got a slot with it, and each can take one.
fn amid_takes<H: IdentityHarness>() {
    let array = create::<H>("amid");
    for _ in 0..10 {
        let over = AtomicBool::new(false);
        let children: Vec<_> = std::thread::scope(|scope| {
            let come_and_go = || {
                while !over.load(Relaxed) {
                    take::<H>(&Identity::new(), &array).unwrap();
                }
            };
            scope.spawn(come_and_go);
            scope.spawn(come_and_go);
            let live = || {
                process::die_if_hanging(60);
                take::<H>(&Identity::new(), &array).unwrap();
            };
            let _end = AtItsEnd(&over);
            (0..50).map(|_| Child::idle(live)).collect()
        });
        assert!((0..DEFAULT_SLOTS).all(|slot| !held::<H>(&array, slot)));
        drop(children);
    }
}
