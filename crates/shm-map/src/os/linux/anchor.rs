//! A page that keeps an open file description for as long as this address space lives.
#![allow(unsafe_code)] // mmap, madvise, munmap of a page that nothing reads or writes.

use std::fs::File;
use std::ptr::NonNull;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};
use rustix::process::{Pid, getpid};
use shm_core::Result;

use super::limits::system_error;

/// Holds an open file description, and so its OFD locks, and nothing else of it.
///
/// The description has no fd any more: only a page of `PROT_NONE`, mapped `MAP_PRIVATE` and marked
/// `MADV_DONTFORK`. So it ends with this address space, by exit, `exec` or SIGKILL, whatever
/// forked children live on. See fcntl(2) "Open file description locks", madvise(2).
#[derive(Debug)]
pub struct Anchor {
    // Invariant: the start of one page mapped by `new` in process `owner`, owned here.
    page: NonNull<std::ffi::c_void>,
    owner: Pid,
}

// SAFETY: the page is never read or written; unmapping works from any thread.
unsafe impl Send for Anchor {}
// SAFETY: `&Anchor` gives access to nothing.
unsafe impl Sync for Anchor {}

impl Anchor {
    const LEN: usize = 4096;

    /// Takes over the description: closes the fd and keeps the page.
    ///
    /// A fork between the two would give the child the fd: the caller keeps forks out.
    ///
    /// # Errors
    /// [`LimitReached`](shm_core::ErrorKind::LimitReached), [`Os`](shm_core::ErrorKind::Os).
    pub fn new(file: File) -> Result<Self> {
        let fail = |call| move |errno| system_error(call, "the page of an identity", errno);
        let (none, private) = (ProtFlags::empty(), MapFlags::PRIVATE);
        // SAFETY: without MAP_FIXED the kernel chooses an address that is free.
        let page = unsafe { mmap(std::ptr::null_mut(), Self::LEN, none, private, &file, 0) };
        let page = page.map_err(fail("mmap"))?;
        let page_start = NonNull::new(page).unwrap_or(NonNull::dangling());
        let anchor = Self { page: page_start, owner: getpid() };
        // SAFETY: the page was mapped right above and is owned by `anchor`.
        unsafe { madvise(page, Self::LEN, Advice::LinuxDontFork) }.map_err(fail("madvise"))?;
        Ok(anchor)
    }
}

impl Drop for Anchor {
    fn drop(&mut self) {
        if getpid() != self.owner {
            return; // A forked child does not have the page; its address may be somebody else's.
        }
        // SAFETY: the invariant: in this process the page is mapped, and owned here.
        let result = unsafe { munmap(self.page.as_ptr(), Self::LEN) };
        debug_assert!(result.is_ok(), "munmap of an owned page: {result:?}");
    }
}
