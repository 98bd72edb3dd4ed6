//! Mappings, locks and reserved memory.
#![allow(unsafe_code)] // system calls

use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::null_mut;

use rustix::fs::{FallocateFlags, fallocate, ftruncate};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::process::{Resource, getrlimit};

use super::DATA_OFFSET;

/// `fallocate` in pieces, as each signal would undo a long call.
const CHUNK: usize = 16 << 20;

pub(super) const PROT: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);

/// Mapped bytes, unmapped on drop.
pub(crate) struct Map(pub(super) *mut std::ffi::c_void, pub(super) usize);

impl Map {
    pub(super) fn shared(fd: BorrowedFd<'_>, len: usize) -> Self {
        // SAFETY: the kernel chooses the address.
        Self(unsafe { mmap(null_mut(), len, PROT, MapFlags::SHARED, fd, 0) }.unwrap(), len)
    }

    /// The first byte of data.
    pub(crate) fn first(&self) -> u8 {
        // SAFETY: every map here is longer than DATA_OFFSET.
        unsafe { self.0.cast::<u8>().wrapping_add(DATA_OFFSET).read_volatile() }
    }
}

impl Map {
    /// Reads a byte of each page before the data: the words of the slots.
    pub(crate) fn touch_slots(&self) {
        for at in (0..DATA_OFFSET).step_by(4096) {
            // SAFETY: every map here is longer than DATA_OFFSET.
            unsafe { self.0.cast::<u8>().wrapping_add(at).read_volatile() };
        }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: mapped by this value, and not used again.
        unsafe { munmap(self.0, self.1) }.unwrap();
    }
}

/// The presence lock: every participant holds it shared.
pub(super) const PRESENCE: Range<i64> = 0..1;
/// The name lock: a process holds it while it changes what the name leads to.
pub(super) const NAME: Range<i64> = 1..2;
/// Both, given up in one call.
pub(super) const BOTH: Range<i64> = 0..2;

pub(super) fn lock(fd: BorrowedFd<'_>, bytes: Range<i64>, kind: i32) -> bool {
    #[allow(clippy::cast_possible_truncation)]
    let request = libc::flock {
        l_type: kind as i16,
        l_whence: 0,
        l_start: (1 << 62) + bytes.start,
        l_len: bytes.end - bytes.start,
        l_pid: 0,
    };
    // SAFETY: an open descriptor and a valid struct.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_OFD_SETLK, &raw const request) == 0 }
}

/// Sets the size and reserves the memory.
pub(super) fn reserve(fd: BorrowedFd<'_>, len: usize) {
    check_size(len);
    for at in (0..len).step_by(CHUNK) {
        let chunk = CHUNK.min(len - at) as u64;
        fallocate(fd, FallocateFlags::empty(), at as u64, chunk).unwrap();
    }
}

/// Sets the size alone.
pub(super) fn set_len(fd: BorrowedFd<'_>, len: usize) {
    check_size(len);
    ftruncate(fd, len as u64).unwrap();
}

/// Beyond `RLIMIT_FSIZE` the kernel kills the process, so a promise of an error needs this check.
fn check_size(len: usize) {
    assert!(getrlimit(Resource::Fsize).current.is_none_or(|most| most >= len as u64));
}
