//! What backends promise whose segments are handed over by descriptor.
#![allow(unsafe_code)] // fcntl(2) F_GETFD.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use shm_core::{Access, Backend, Handover, Result, Segment};

use crate::bytes;
use crate::bytes::PLACE;
use crate::harness::{AttachedOf, HandoverHarness, spec, unique_name};

fn attach<H: HandoverHarness>(from: &AttachedOf<H>, access: Access) -> Result<AttachedOf<H>> {
    let copy = from.segment.file().try_clone().unwrap().into();
    attach_to::<H>(copy, from, access)
}

fn attach_to<H: HandoverHarness>(
    fd: OwnedFd,
    from: &AttachedOf<H>,
    access: Access,
) -> Result<AttachedOf<H>> {
    H::backend().attach(H::source_of_fd(fd, from.segment.header().name()), access)
}

fn is_closed_on_exec(fd: BorrowedFd<'_>) -> bool {
    // SAFETY: the fd is open, as it is borrowed; F_GETFD takes no argument.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFD) & libc::FD_CLOEXEC != 0 }
}

/// The descriptor is all that another process needs.
pub fn needs_the_descriptor_only<H: HandoverHarness>() {
    let array = H::backend().create(&spec(&unique_name("handover"), 100), None).unwrap();
    bytes::set(&array.region, PLACE, 1);
    let other = attach::<H>(&array, Access::ReadWrite).unwrap();
    assert_eq!(other.segment.header(), array.segment.header());
    drop(array);
    assert_eq!(bytes::get(&other.region, PLACE), 1);
}

/// No program that is executed gets a descriptor by accident.
pub fn is_closed_across_exec<H: HandoverHarness>() {
    let array = H::backend().create(&spec(&unique_name("cloexec"), 1), None).unwrap();
    assert!(is_closed_on_exec(array.segment.file().as_fd()));
    let other = attach::<H>(&array, Access::ReadOnly).unwrap();
    assert!(is_closed_on_exec(other.segment.file().as_fd()));
}

/// A read-only attacher cannot make its memory writable, as it is not open for writing.
pub fn for_reading_stays_so<H: HandoverHarness>() {
    let array = H::backend().create(&spec(&unique_name("mprotect"), 1), None).unwrap();
    let reader = attach::<H>(&array, Access::ReadOnly).unwrap();
    assert!(!bytes::can_become_writable(&reader.region));
    assert!(bytes::can_become_writable(&array.region));
}

/// What was handed over keeps the memory, even where the name is gone.
pub fn works_after_destroy<H: HandoverHarness>() {
    let array = H::backend().create(&spec(&unique_name("in-flight"), 100), None).unwrap();
    bytes::set(&array.region, PLACE, 1);
    let copy = array.segment.file().try_clone().unwrap().into();
    array.segment.destroy().unwrap();
    let other = attach_to::<H>(copy, &array, Access::ReadWrite).unwrap();
    drop(array);
    assert_eq!(bytes::get(&other.region, PLACE), 1);
}

/// What was handed over can still be taken once its sender has left, and everybody with him.
pub fn works_after_its_sender<H: HandoverHarness>() {
    let array = H::backend().create(&spec(&unique_name("left"), 100), None).unwrap();
    let name = array.segment.header().name().clone();
    bytes::set(&array.region, PLACE, 1);
    let copy = array.segment.file().try_clone().unwrap().into();
    drop(array);
    let source = H::source_of_fd(copy, &name);
    let other = H::backend().attach(source, Access::ReadWrite).unwrap();
    assert_eq!(bytes::get(&other.region, PLACE), 1);
    drop(other);
    assert_eq!(H::leftovers(&name), [""; 0]);
}
