//! A stand-in on the heap, for an interpreter that knows no shared memory.
#![allow(unsafe_code)] // the allocator

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::fs::File;
use std::io;
use std::ptr::NonNull;

use memmap2::MmapRaw;
use shm_core::Access;

use super::BorrowedFile;

fn layout(len: usize) -> io::Result<Layout> {
    Layout::from_size_align(len.max(1), 4096).map_err(|_| io::ErrorKind::OutOfMemory.into())
}

pub(crate) fn map_anonymous(len: usize) -> io::Result<NonNull<u8>> {
    // SAFETY: the size is not zero.
    let start = unsafe { alloc_zeroed(layout(len)?) };
    NonNull::new(start).ok_or(io::ErrorKind::OutOfMemory.into())
}

pub(crate) fn map_aligned(
    _: Option<BorrowedFile<'_>>,
    _: usize,
    _: Access,
    _: usize,
) -> io::Result<NonNull<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn map_file(_: BorrowedFile<'_>, _: usize, _: Access) -> io::Result<MmapRaw> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) unsafe fn second_mapping(
    _: NonNull<u8>,
    _: usize,
    _: Option<&File>,
) -> io::Result<NonNull<u8>> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) unsafe fn advise_huge(_: NonNull<u8>, _: usize) {}

pub(crate) unsafe fn advise_done(_: NonNull<u8>, _: usize) {}

pub(crate) unsafe fn populate(_: NonNull<u8>, _: usize) -> io::Result<()> {
    Ok(())
}

pub(crate) unsafe fn unmap(start: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: allocated by `map_anonymous` with the same layout, and not used again.
    unsafe { dealloc(start.as_ptr(), layout(len)?) };
    Ok(())
}
