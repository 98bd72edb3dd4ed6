//! SIGKILL at each step of create, attach and freeze. Needs strace(1).
#![allow(clippy::unwrap_used)] // a failed step fails the test
#![allow(unsafe_code)] // a descriptor that is inherited across exec.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::{FdFlags, dup2, fcntl_setfd};
use shm_conformance::{bytes, kill, leaks, process, spec, unique_name};
use shm_core::{
    Access, Attached, Backend, Fill, Handover, Header, Region, Result, Sealable, Segment,
};
use shm_memfd::{FdOrOrigin, Memfd, MemfdSegment};

fn main() {
    process::main(
        &[
            ("create", |_| drop(kill::between(array))),
            ("attach", |to| drop(kill::between(|| Memfd.attach(inherited(to), Access::ReadWrite)))),
            ("freeze", |to| {
                let Attached { region, segment } =
                    Memfd.attach(inherited(to), Access::ReadWrite).unwrap();
                drop(region);
                drop(kill::between(|| segment.freeze()).unwrap());
            }),
        ],
        &[
            ("creator_killed_at_each_step", creator_killed),
            ("attacher_killed_at_each_step", attacher_killed),
            ("freezer_killed_at_each_step", freezer_killed),
        ],
    );
}

fn array() -> Attached<MemfdSegment> {
    let mut fill = |header: &Header, region: &dyn Region| -> Result<()> {
        bytes::fill(header, region, 7);
        Ok(())
    };
    Memfd.create(&spec(&unique_name("memfd"), 100), Some(Fill::InPlace(&mut fill))).unwrap()
}

fn assert_whole(array: &Attached<MemfdSegment>) {
    assert_eq!(bytes::data(array.segment.header(), &array.region), [7; 800]);
}

/// The descriptor whose number the command line gives.
fn inherited(arguments: &[String]) -> FdOrOrigin {
    let fd = arguments[0].parse().unwrap();
    // SAFETY: the parent left it open for this process, where nothing else owns it.
    FdOrOrigin::Fd(unsafe { File::from_raw_fd(fd) })
}

/// A copy of the descriptor that programs inherit.
fn inheritable(fd: BorrowedFd<'_>) -> OwnedFd {
    let copy = fd.try_clone_to_owned().unwrap();
    fcntl_setfd(copy.as_fd(), FdFlags::empty()).unwrap();
    copy
}

fn attach(fd: BorrowedFd<'_>, access: Access) -> Result<Attached<MemfdSegment>> {
    Memfd.attach(FdOrOrigin::Fd(fd.try_clone_to_owned().unwrap().into()), access)
}

/// A memfd has no name anywhere, and goes with the process that made it.
fn creator_killed() {
    kill::at_every_step("create", &[], |at, steps| {
        assert_eq!(leaks::entries(), [""; 0], "killed at {:?}", steps.get(at));
    });
}

fn attacher_killed() {
    let array = array();
    let handed = inheritable(array.segment.file().as_fd());
    kill::at_every_step("attach", &[&handed.as_raw_fd().to_string()], |at, steps| {
        assert_whole(&array);
        let next = attach(array.segment.file().as_fd(), Access::ReadWrite).unwrap();
        assert_whole(&next);
        assert_eq!(leaks::entries(), [""; 0], "killed at {:?}", steps.get(at));
    });
}

/// It is frozen or it is not; if not, somebody else can freeze it or go on writing.
fn freezer_killed() {
    let mut segment = array().segment;
    let mut handed = inheritable(segment.file().as_fd());
    let (mut frozen, mut not_frozen) = (0, 0);
    kill::at_every_step("freeze", &[&handed.as_raw_fd().to_string()], |at, steps| {
        let reader = attach(segment.file().as_fd(), Access::ReadOnly).unwrap();
        assert_whole(&reader);
        if reader.segment.is_frozen() {
            frozen += 1;
            assert!(attach(segment.file().as_fd(), Access::ReadWrite).is_err());
        } else {
            not_frozen += 1;
            assert!(at < steps.len());
            assert_whole(&attach(segment.file().as_fd(), Access::ReadWrite).unwrap());
            assert!(segment.freeze().unwrap().segment.is_frozen());
        }
        // The next run finds another one under the same number.
        segment = array().segment;
        dup2(segment.file().as_fd(), &mut handed).unwrap();
    });
    assert!(frozen > 0 && not_frozen > 0, "frozen {frozen} times, not frozen {not_frozen} times");
}
