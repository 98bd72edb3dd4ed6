//! A stand-in on the heap, for an interpreter that knows no shared memory.
#![allow(unsafe_code)] // the allocator

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::ptr::NonNull;

use rustix::fs::MemfdFlags;
use rustix::io::Errno;
use shm_core::Access;

use super::Span;

fn layout(len: usize) -> Result<Layout, Errno> {
    Layout::from_size_align(len.max(1), 4096).map_err(|_| Errno::NOMEM)
}

pub(super) fn map_anonymous(len: usize) -> Result<Span, Errno> {
    // SAFETY: the size is not zero.
    let start = unsafe { alloc_zeroed(layout(len)?) };
    Ok(Span { start: NonNull::new(start).ok_or(Errno::NOMEM)?, len, mapped: len, file: None })
}

pub(super) fn map_aligned(
    _: Option<BorrowedFd<'_>>,
    _: usize,
    _: Access,
    _: usize,
) -> Result<Span, Errno> {
    Err(Errno::NOSYS)
}

pub(super) fn unnamed_file(_: usize, _: MemfdFlags) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}

pub(super) fn twin(_: &Span) -> Result<Span, Errno> {
    Err(Errno::NOSYS)
}

pub(super) unsafe fn advise_huge(_: NonNull<u8>, _: usize) {}

pub(super) unsafe fn advise_done(_: NonNull<u8>, _: usize) {}

pub(super) unsafe fn populate(_: NonNull<u8>, _: usize) -> Result<(), Errno> {
    Ok(())
}

pub(super) unsafe fn unmap(start: NonNull<u8>, len: usize) -> Result<(), Errno> {
    // SAFETY: allocated by `map_anonymous` with the same layout, and not used again.
    unsafe { dealloc(start.as_ptr(), layout(len)?) };
    Ok(())
}
