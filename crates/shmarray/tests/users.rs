//! Guards, chunks and barriers of arrays that belong to another user: handed over by a socket, or made
//! before a process gave up its privileges; and where the system cannot open a file by its descriptor.

#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use shm_conformance::private;
use shm_conformance::process::{self, Child, in_a_child};
use shm_conformance::user::{as_nobody, become_nobody};
use shmarray::prelude::*;
use shmarray::transfer;

const SOON: Duration = Duration::from_secs(20);

fn main() {
    let tests: [(&str, fn()); 7] = [
        ("a_slot_that_was_taken_before_outlives_privileges", taken_before),
        ("without_privileges_the_first_lock_says_what_to_do", too_late),
        ("another_user_locks_what_came_over_a_socket", over_a_socket),
        ("a_slot_of_another_user_ends_with_him", another_user_is_killed),
        ("what_came_without_a_file_for_locks_is_refused_if_guarded", without_locks),
        ("a_file_for_locks_of_another_segment_is_refused", of_another_segment),
        ("without_proc_a_named_array_is_locked_and_others_say_why_not", without_proc),
    ];
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        println!("skipped: another user's arrays take the superuser");
    }
    process::main(&[], if is_root { &tests } else { &tests[6..] });
}

type Guarded = GuardedArray<u64, Ix1>;

fn guarded(backend: BackendKind) -> Guarded {
    GuardedArray::builder(6).unique("users").backend(backend).full(1).unwrap()
}

/// That the error is the one of a process that cannot have a slot, and names the remedy.
fn no_slot(result: shmarray::Result<impl Sized>, remedy: &str) {
    let Err(error) = result else { panic!("no error, but {remedy}") };
    assert!(matches!(error.kind(), ErrorKind::NoSlot { .. }), "{error}");
    assert!(error.to_string().contains(remedy), "{error}");
}

fn taken_before() {
    for array in BackendKind::ALL.map(guarded) {
        in_a_child(|| {
            array.take_slot().unwrap();
            become_nobody();
            array.write().unwrap()[0] += 1;
            let chunks = array.chunks(2).unwrap();
            while let Some(mut chunk) = chunks.claim().unwrap() {
                chunk.fill(7);
                chunk.done();
            }
            array.barrier(1).unwrap().wait().unwrap();
            assert!(array.participants().unwrap()[0].is_me);
        });
        assert_eq!(array.read().unwrap().sum(), 42);
        assert!(!array.participants().unwrap().iter().any(|one| one.alive && !one.is_me));
    }
}

fn too_late() {
    for backend in [BackendKind::Shm, BackendKind::Memfd] {
        let array = guarded(backend);
        let open: SharedArray<u64, Ix1> =
            SharedArray::builder(3).unique("open").backend(backend).full(1).unwrap();
        as_nobody(|| {
            no_slot(array.write(), "call take_slot before");
            no_slot(array.take_slot(), "call take_slot before");
            no_slot(array.chunks(2).and_then(|chunks| chunks.claim().map(drop)), "take_slot");
            no_slot(open.barrier(1), "call take_slot before");
            open.set(0, 5).unwrap();
        });
        assert_eq!(open.get(0), Some(5));
    }
    let array = guarded(BackendKind::Mmap);
    as_nobody(|| array.write().unwrap()[0] = 9);
    assert_eq!(array.read().unwrap()[0], 9);
}

fn over_a_socket() {
    let (here, there) = UnixStream::pair().unwrap();
    let array = guarded(BackendKind::Memfd);
    let open = SharedArray::<u64, _>::builder(3).backend(BackendKind::Memfd).full(1).unwrap();
    let child = Child::fork(|| {
        become_nobody();
        let [first, second] = transfer::receive(&there, SOON).unwrap().try_into().unwrap();
        let (array, open): (Guarded, SharedArray<u64, Ix1>) =
            (first.typed().unwrap(), second.typed().unwrap());
        let mut guard = array.write().unwrap();
        (&there).write_all(b"!").unwrap();
        (&there).read_exact(&mut [0]).unwrap();
        guard[0] = 8;
        drop(guard);
        let mut seat = open.barrier(2).unwrap();
        seat.wait().unwrap();
        i32::from(array.participants().unwrap().iter().filter(|one| one.alive).count() != 2)
    });
    drop(there);
    transfer::send(&here, &[&array, &open], SOON).unwrap();
    (&here).read_exact(&mut [0]).unwrap();
    let refused = array.try_read();
    assert!(matches!(refused.unwrap_err().kind(), ErrorKind::TimedOut { .. }));
    (&here).write_all(b"!").unwrap();
    assert_eq!(array.read().unwrap()[0], 8);
    open.barrier(2).unwrap().wait().unwrap();
    assert!(child.wait().success());
}

/// Its slot is its own: neither this process, which opened the file, nor a child keeps it.
fn another_user_is_killed() {
    let (here, there) = UnixStream::pair().unwrap();
    let array = guarded(BackendKind::Memfd);
    transfer::send(&here, &[&array], SOON).unwrap();
    let (mut over, end) = std::io::pipe().unwrap();
    let mut end = Some(end);
    let (mut answers, answer) = std::io::pipe().unwrap();
    let child = Child::idle(|| {
        become_nobody();
        let [received] = transfer::receive(&there, SOON).unwrap().try_into().unwrap();
        let array: Guarded = received.typed().unwrap();
        let guard = array.write().unwrap();
        let grandchild = Child::fork(|| {
            drop(end.take());
            no_slot(array.try_read(), "sent over a socket");
            (&answer).write_all(b"!").unwrap();
            assert_eq!(over.read(&mut [0]).unwrap(), 0, "the end of the test");
            0
        });
        assert_eq!(answers.read(&mut [0]).unwrap(), 1, "the grandchild has failed");
        std::mem::forget((grandchild, guard));
        std::mem::forget(array);
    });
    let refused = array.try_read();
    assert!(matches!(refused.unwrap_err().kind(), ErrorKind::TimedOut { .. }));
    drop(child);
    assert!(matches!(array.read().unwrap_err().kind(), ErrorKind::Poisoned { .. }));
    drop((end, answer));
    answers.read_to_end(&mut Vec::new()).unwrap(); // until the grandchild has ended
}

/// As across `exec`, where several children of a command would have the same description.
fn without_locks() {
    let array = guarded(BackendKind::Memfd).erased();
    let open = SharedArray::<u64, Ix1>::builder(3).backend(BackendKind::Memfd).full(1).unwrap();
    let fd = |array: &ErasedArray| array.fd().unwrap().try_clone_to_owned().unwrap();
    let (payload, of_open) = (array.payload().unwrap(), open.payload().unwrap());
    as_nobody(|| {
        no_slot(ErasedArray::from_fd(&payload, fd(&array)), "sent over a socket");
        let open: SharedArray<u64, Ix1> =
            ErasedArray::from_fd(&of_open, fd(&open.erased())).unwrap().typed().unwrap();
        open.set(1, 6).unwrap();
        no_slot(open.barrier(1), "sent over a socket");
    });
    assert_eq!(open.get(1), Some(6));
}

/// A sender that is not this library puts something else in the place of the second file.
fn of_another_segment() {
    let (here, between) = UnixStream::pair().unwrap();
    let (forth, there) = UnixStream::pair().unwrap();
    let open = SharedArray::<u64, Ix1>::builder(3).backend(BackendKind::Memfd).full(1).unwrap();
    transfer::send(&here, &[&open], SOON).unwrap();
    let (mut bytes, mut fds) = ([0; 512], Vec::<OwnedFd>::new());
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut into = [std::io::IoSliceMut::new(&mut bytes)];
    let len = recvmsg(&between, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC).unwrap().bytes;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(came) = message {
            fds.extend(came);
        }
    }
    assert_eq!(fds.len(), 2);
    let other = memfd_create("other", MemfdFlags::CLOEXEC).unwrap();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let sent = [fds[0].as_fd(), other.as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&sent)));
    let parts = [std::io::IoSlice::new(&bytes[..len])];
    sendmsg(&forth, &parts, &mut control, SendFlags::empty()).unwrap();
    as_nobody(|| {
        let [received] = transfer::receive(&there, SOON).unwrap().try_into().unwrap();
        let error = received.erased().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::SegmentMismatch { .. }), "{error}");
    });
}

fn without_proc() {
    let named = guarded(BackendKind::Shm);
    let open = BackendKind::ALL.map(|backend| {
        SharedArray::<u64, Ix1>::builder(3).unique("open").backend(backend).full(1).unwrap()
    });
    in_a_child(|| {
        if !private::hide("/proc") {
            println!("skipped: the system does not let /proc be hidden");
            return;
        }
        let found: Guarded = GuardedArray::attach(named.name().as_str()).unwrap();
        found.write().unwrap()[0] = 3;
        named.write().unwrap()[1] = 4;
        let alive = named.participants().unwrap();
        assert_eq!(alive.iter().filter(|one| one.alive).count(), 2);
        for array in &open {
            array.set(0, 2).unwrap();
            match array.backend() {
                BackendKind::Shm => array.barrier(1).map(drop).unwrap(),
                _ => no_slot(array.barrier(1), "mount /proc"),
            }
        }
        named.destroy().unwrap_err();
        for backend in [BackendKind::Mmap, BackendKind::Memfd] {
            let made = Guarded::builder(6).unique("made").backend(backend).full(1);
            no_slot(made, "mount /proc");
        }
        let made = guarded(BackendKind::Shm);
        made.destroy().unwrap();
        no_slot(made.write(), "mount /proc");
    });
    assert_eq!(named.read().unwrap().sum(), 3 + 4 + 4);
}
