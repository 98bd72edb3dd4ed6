//! Mappings, locks and memory set aside.
#![allow(unsafe_code)] // system calls

use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::null_mut;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::DATA_OFFSET;

/// `fallocate` in pieces, as signals would undo a long one for ever.
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

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: mapped by this value, and not used again.
        unsafe { munmap(self.0, self.1) }.unwrap();
    }
}

pub(super) fn lock(fd: BorrowedFd<'_>, byte: i64, kind: i32) -> bool {
    #[allow(clippy::cast_possible_truncation)]
    let request = libc::flock {
        l_type: kind as i16,
        l_whence: 0,
        l_start: (1 << 62) + byte,
        l_len: 1,
        l_pid: 0,
    };
    // SAFETY: an open descriptor and a valid struct.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_OFD_SETLK, &raw const request) == 0 }
}

pub(super) fn reserve(fd: BorrowedFd<'_>, len: usize) {
    for at in (0..len).step_by(CHUNK) {
        let chunk = CHUNK.min(len - at) as u64;
        fallocate(fd, FallocateFlags::empty(), at as u64, chunk).unwrap();
    }
}
