//! Taking a slot: one byte of a file, locked on a description of its own.
#![allow(unsafe_code)] // mmap, madvise, munmap of a page that nothing reads or writes

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::ptr::null_mut;

use rustix::fs::{Mode, OFlags, open};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};

use super::file::lock;

/// How far the bytes of the slots lie behind the presence byte.
const SLOTS: i64 = 4096;
const PAGE: usize = 4096;

/// A slot that is held by a page; free when it is dropped.
pub(crate) struct Slot(*mut std::ffi::c_void);

impl Slot {
    /// Takes the first that is free.
    pub(crate) fn take(fd: BorrowedFd<'_>) -> Self {
        let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
        let own = open(path.as_str(), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).unwrap();
        assert!((0..128).any(|slot| {
            let byte = SLOTS + slot;
            lock(own.as_fd(), byte..byte + 1, libc::F_WRLCK)
        }));
        let (none, private) = (ProtFlags::empty(), MapFlags::PRIVATE);
        // SAFETY: the kernel chooses the address.
        let page = unsafe { mmap(null_mut(), PAGE, none, private, own.as_fd(), 0) }.unwrap();
        // SAFETY: mapped right above.
        unsafe { madvise(page, PAGE, Advice::LinuxDontFork) }.unwrap();
        Self(page)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // SAFETY: mapped by this value, and not used again.
        unsafe { munmap(self.0, PAGE) }.unwrap();
    }
}
