//! Locks across real forks and real deaths. Single-threaded: each test forks.

#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use std::fs::File;

use libtest_mimic::{Arguments, Failed, Trial};
use shm_core::{Access, ErrorKind, Result, SlotLocks};
use shm_presence::os::reopen;
use shm_presence::{Identity, Owner, ask_others, fork, is_held, join, lock_name, try_alone};

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let tests: [(&str, fn()); 9] = [
        ("a_forked_child_has_another_generation", generation),
        ("a_kept_value_is_reached_in_a_forked_child", kept_values),
        ("presence_is_kept_by_a_forked_child", presence_is_inherited),
        ("presence_ends_with_sigkill", presence_ends_with_its_holder),
        ("identity_ends_with_its_holder_though_a_child_lives", identity_ends_with_its_holder),
        ("slots_run_out_with_an_error", slots_run_out),
        ("a_panic_while_a_slot_is_taken_leaves_it_free", raise_panics),
        ("ranges_of_slots_do_not_meet", ranges_of_slots),
        ("a_name_lock_held_for_ever_is_busy", name_lock),
    ];
    let trial = |(name, test): (&str, fn())| {
        Trial::test(name, move || {
            std::panic::catch_unwind(test).map_err(|_| Failed::from("see above"))
        })
    };
    libtest_mimic::run(&arguments, tests.into_iter().map(trial).collect()).exit();
}

fn segment() -> File {
    tempfile::tempfile().unwrap()
}

/// A forked child that runs `work`, reports, and then waits until it is killed or let go.
struct Child {
    pid: libc::pid_t,
    pipe: std::io::PipeReader,
}

impl Child {
    fn fork(work: impl FnOnce() -> bool) -> Self {
        let (mut reader, writer) = std::io::pipe().unwrap();
        // SAFETY: this process has one thread.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0);
        if pid == 0 {
            let code = u8::from(!work());
            std::io::Write::write_all(&mut &writer, &[code]).unwrap();
            loop {
                // SAFETY: pause(2) has no preconditions.
                unsafe { libc::pause() };
            }
        }
        drop(writer);
        let mut code = [9];
        std::io::Read::read_exact(&mut reader, &mut code).unwrap();
        assert_eq!(code, [0], "the child's work");
        Self { pid, pipe: reader }
    }

    fn kill(self) {
        drop(self);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = &self.pipe;
        // SAFETY: a child of ours that has not been waited for.
        unsafe { libc::kill(self.pid, libc::SIGKILL) };
        // SAFETY: as above.
        let done = unsafe { libc::waitpid(self.pid, std::ptr::null_mut(), 0) };
        assert_eq!(done, self.pid);
    }
}

fn generation() {
    let before = fork::generation();
    let _ = shm_presence::stamp(); // what it counts from, a child would inherit
    let (mut children, from_child) = std::io::pipe().unwrap();
    let child = Child::fork(|| {
        std::io::Write::write_all(&mut &from_child, shm_presence::stamp().uuid.as_bytes()).is_ok()
    });
    let mut uuid = [0; 16];
    std::io::Read::read_exact(&mut children, &mut uuid).unwrap();
    child.kill();
    let (own, other) = (shm_presence::stamp().uuid, uuid);
    assert_ne!(own.as_bytes()[8..], other[8..], "parent and child count from the same number");
    assert_eq!(fork::pid(), std::process::id());
    Child::fork(|| fork::generation() == before + 1 && fork::pid() == std::process::id()).kill();
    assert_eq!(fork::generation(), before);
}

fn kept_values() {
    static COUNT: fork::ForkSafe<u32> = fork::ForkSafe::new(0);
    let raised = || {
        COUNT.with(|count| {
            *count += 1;
            *count
        })
    };
    assert_eq!(raised(), 1);
    let child = Child::fork(|| {
        // SAFETY: alarm has no preconditions; it ends the process if it waits for ever.
        unsafe { libc::alarm(20) };
        raised() == 2
    });
    child.kill();
    assert_eq!(raised(), 2);
}

fn presence_is_inherited() {
    let segment = segment();
    let mine = reopen(&segment, Access::ReadWrite).unwrap();
    join(&mine).unwrap();
    let child = Child::fork(|| true);
    drop(mine);
    let fresh = reopen(&segment, Access::ReadWrite).unwrap();
    assert!(ask_others(&fresh).unwrap() && !try_alone(&fresh).unwrap());
    child.kill();
    assert!(!ask_others(&fresh).unwrap() && try_alone(&fresh).unwrap());
}

fn presence_ends_with_its_holder() {
    let segment = segment();
    let child = Child::fork(|| {
        let own = reopen(&segment, Access::ReadOnly).unwrap();
        let joined = join(&own).is_ok();
        std::mem::forget(own);
        joined
    });
    let fresh = reopen(&segment, Access::ReadWrite).unwrap();
    assert!(!try_alone(&fresh).unwrap());
    child.kill();
    assert!(try_alone(&fresh).unwrap());
    let late = reopen(&segment, Access::ReadWrite).unwrap();
    assert!(matches!(join(&late).unwrap_err().kind(), ErrorKind::Busy { .. }));
}

/// Where to ask who has a slot.
fn locks(segment: &File) -> SlotLocks<&File> {
    SlotLocks { file: segment, first: 0 }
}

/// Where to take one.
fn fresh(segment: &File) -> Result<SlotLocks> {
    Ok(SlotLocks { file: reopen(segment, Access::ReadWrite)?, first: 0 })
}

fn identity_ends_with_its_holder() {
    let (segment, identity) = (segment(), Identity::new());
    let (mut pids, pids_in) = std::io::pipe().unwrap();
    let holder = Child::fork(|| {
        let owner = identity.take(|| fresh(&segment), 4, |slot| slot + 10).unwrap();
        // SAFETY: this process has one thread.
        let idle = unsafe { libc::fork() };
        if idle == 0 {
            assert_eq!(identity.owner(), None);
            // SAFETY: alarm has no preconditions; it ends the process if the test has failed.
            unsafe { libc::alarm(60) };
            loop {
                // SAFETY: pause(2) has no preconditions.
                unsafe { libc::pause() };
            }
        }
        std::io::Write::write_all(&mut &pids_in, &idle.to_ne_bytes()).unwrap();
        owner == Owner::new(0, 10) && identity.owner() == Some(owner)
    });
    let mut idle = [0; 4];
    std::io::Read::read_exact(&mut pids, &mut idle).unwrap();
    assert!(is_held(locks(&segment), 0).unwrap());
    holder.kill();
    assert!(!is_held(locks(&segment), 0).unwrap(), "the idle child keeps the slot");
    let next = identity.take(|| fresh(&segment), 4, |_| 11).unwrap();
    assert_eq!((next.slot(), next.generation()), (0, 11));
    // SAFETY: the idle grandchild, which nobody else reaps before init does.
    unsafe { libc::kill(libc::pid_t::from_ne_bytes(idle), libc::SIGKILL) };
}

fn slots_run_out() {
    let segment = segment();
    let taken = || {
        let identity = Identity::new();
        identity.take(|| fresh(&segment), 3, |slot| slot + 1).map(|owner| (owner.slot(), identity))
    };
    let held: Vec<_> = (0..3).map(|_| taken().unwrap()).collect();
    assert!(held.iter().map(|(slot, _)| *slot).eq(0..3));
    let error = taken().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::LimitReached { value: Some(3), .. }));
    drop(held);
    assert_eq!(taken().unwrap().0, 0);
}

/// Nobody has a slot: not the one whose `raise` panicked, and not because of it.
fn raise_panics() {
    let (segment, identity) = (segment(), Identity::new());
    let take = |raise: fn(u32) -> u32| identity.take(|| fresh(&segment), 3, raise);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| take(|_| panic!())));
    assert!(panicked.is_err());
    assert_eq!((identity.owner(), is_held(locks(&segment), 0).unwrap()), (None, false));
    assert_eq!(take(|_| 1).unwrap(), Owner::new(0, 1));
}

/// Ranges of one file do not meet, and one that lies beyond all offsets is refused.
fn ranges_of_slots() {
    let segment = segment();
    let locks = |first| SlotLocks { first, ..locks(&segment) };
    let fresh = |first| fresh(&segment).map(|locks| SlotLocks { first, ..locks });
    let [low, high] = [0, 2].map(|first| {
        let identity = Identity::new();
        identity.take(|| fresh(first), 2, |_| 1).map(|_| identity).unwrap()
    });
    assert_eq!(
        [0, 1, 2, 3].map(|slot| is_held(locks(0), slot).unwrap()),
        [true, false, true, false]
    );
    drop((low, high));
    for first in [(1 << 62) - 4096 - 1, 1 << 63, u64::MAX] {
        let error = Identity::new().take(|| fresh(first), 1, |_| 1).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::LimitReached { .. }), "{error}");
        assert!(is_held(locks(first), 0).is_err());
    }
    let last = (1 << 62) - 4096 - 2;
    Identity::new().take(|| fresh(last), 1, |_| 1).unwrap();
    assert!(is_held(locks(last), 1).is_err());
}

fn name_lock() {
    let segment = segment();
    let holder = reopen(&segment, Access::ReadWrite).unwrap();
    lock_name(&holder).unwrap();
    let late = reopen(&segment, Access::ReadWrite).unwrap();
    let error = lock_name(&late).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Busy { .. }), "{error}");
    drop(holder);
    lock_name(&late).unwrap();
}
