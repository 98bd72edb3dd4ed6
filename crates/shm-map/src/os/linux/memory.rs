//! Mappings of shared memory, and advice about them.

#![allow(unsafe_code)] // mmap, munmap, mremap, mprotect, madvise

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::{NonNull, null_mut};

use memmap2::{MmapOptions, MmapRaw};
use rustix::io::Errno;
use rustix::mm::{
    Advice, MapFlags, MprotectFlags, MremapFlags, ProtFlags, madvise, mmap, mmap_anonymous,
    mprotect, mremap, munmap,
};
use shm_core::Access;

use crate::os::BorrowedFile;

const SHARED: MapFlags = MapFlags::SHARED;

/// Maps the first bytes of a file.
pub(crate) fn map_file(file: BorrowedFile<'_>, len: usize, access: Access) -> io::Result<MmapRaw> {
    let mut options = MmapOptions::new();
    options.len(len);
    match access {
        Access::ReadWrite => options.map_raw(file.as_raw_fd()),
        Access::ReadOnly => options.map_raw_read_only(file.as_raw_fd()),
    }
}

/// Maps zeros that only this process and its forked descendants reach.
pub(crate) fn map_anonymous(len: usize) -> io::Result<NonNull<u8>> {
    map(None, null_mut(), len, Access::ReadWrite, SHARED)
}

fn protection(access: Access) -> ProtFlags {
    match access {
        Access::ReadWrite => ProtFlags::READ.union(ProtFlags::WRITE),
        Access::ReadOnly => ProtFlags::READ,
    }
}

fn address(start: *mut c_void) -> io::Result<NonNull<u8>> {
    NonNull::new(start.cast()).ok_or(Errno::NOMEM.into())
}

/// The same `len` bytes of pages once more, read-only.
///
/// mremap(2): "If the value of `old_size` is zero, and `old_address` refers to a shareable
/// mapping, then `mremap()` will create a new mapping of the same pages." Not so of hugetlb
/// pages, which have a file for that.
///
/// # Safety
/// `pages` is the start of so many bytes of a shared mapping that the caller owns.
pub(crate) unsafe fn second_mapping(
    pages: NonNull<u8>,
    len: usize,
    file: Option<&File>,
) -> io::Result<NonNull<u8>> {
    let Some(file) = file else {
        // SAFETY: the caller's word; a size of zero leaves the old mapping as it is.
        let start = unsafe { mremap(pages.as_ptr().cast(), 0, len, MremapFlags::MAYMOVE) }?;
        // SAFETY: the new mapping, which nobody has used yet.
        if let Err(errno) = unsafe { mprotect(start, len, MprotectFlags::READ) } {
            // SAFETY: as above.
            let _ = unsafe { munmap(start, len) };
            return Err(errno.into());
        }
        return address(start);
    };
    map(Some(file), null_mut(), len, Access::ReadOnly, SHARED)
}

/// Maps a file, or anonymous memory, at a multiple of `unit` bytes. Where the address space has no
/// room for that, the kernel chooses the address.
pub(crate) fn map_aligned(
    file: Option<BorrowedFile<'_>>,
    len: usize,
    access: Access,
    unit: usize,
) -> io::Result<NonNull<u8>> {
    let first = map(file, null_mut(), len, access, SHARED)?;
    if first.addr().get().is_multiple_of(unit) {
        return Ok(first);
    }
    let (none, private) = (ProtFlags::empty(), MapFlags::PRIVATE.union(MapFlags::NORESERVE));
    let room = len.saturating_add(unit); // no such room is as good as too little
    // SAFETY: without MAP_FIXED the kernel chooses an address that is free.
    let Ok(start) = (unsafe { mmap_anonymous(null_mut(), room, none, private) }) else {
        return Ok(first);
    };
    // The limits count it.
    // SAFETY: mapped right above; nobody has used it.
    let _ = unsafe { munmap(first.as_ptr().cast(), len) };
    let before = start.addr().next_multiple_of(unit) - start.addr();
    let behind = start.cast::<u8>().wrapping_add(before + len);
    let aligned = start.cast::<u8>().wrapping_add(before).cast();
    // If it fails, the kernel may have given up the old pages there, and another thread have others.
    let mapped = map(file, aligned, len, access, SHARED.union(MapFlags::FIXED));
    for (start, len) in [(start, before), (behind.cast(), unit - before)] {
        if len > 0 {
            // SAFETY: what is left of the room on this side; nobody has used it.
            let _ = unsafe { munmap(start, len) };
        }
    }
    mapped
}

/// With `MAP_FIXED`, `at` is the start of so many bytes of a mapping of one's own.
fn map(
    file: Option<BorrowedFile<'_>>,
    at: *mut c_void,
    len: usize,
    access: Access,
    flags: MapFlags,
) -> io::Result<NonNull<u8>> {
    let protection = protection(access);
    let start = match file {
        // SAFETY: the kernel chooses an address that is free, or replaces what is the caller's own.
        Some(file) => unsafe { mmap(at, len, protection, flags, file, 0) }?,
        // SAFETY: as above.
        None => unsafe { mmap_anonymous(at, len, protection, flags) }?,
    };
    address(start)
}

/// Asks for huge pages (`MADV_HUGEPAGE`): a wish, without which everything works.
///
/// # Safety
/// The bytes lie within one mapping that the caller owns.
pub(crate) unsafe fn advise_huge(start: NonNull<u8>, len: usize) {
    // SAFETY: the caller's word; this advice changes no byte.
    if let Err(errno) = unsafe { madvise(start.as_ptr().cast(), len, Advice::LinuxHugepage) } {
        tracing::debug!(%errno, "MADV_HUGEPAGE");
    }
}

/// Says that pages need not be kept for having been used here.
///
/// madvise(2): with `MADV_SEQUENTIAL` they "may be freed soon after they are accessed".
///
/// # Safety
/// The bytes lie within one mapping that the caller owns.
pub(crate) unsafe fn advise_done(start: NonNull<u8>, len: usize) {
    // SAFETY: the caller's word; this advice changes no byte.
    if let Err(errno) = unsafe { madvise(start.as_ptr().cast(), len, Advice::Sequential) } {
        tracing::debug!(%errno, "MADV_SEQUENTIAL");
    }
}

/// Reserves and maps pages (`MADV_POPULATE_WRITE`).
///
/// # Safety
/// The bytes lie within one mapping that the caller owns.
pub(crate) unsafe fn populate(start: NonNull<u8>, len: usize) -> io::Result<()> {
    loop {
        // SAFETY: the caller's word; this advice changes no byte.
        match unsafe { madvise(start.as_ptr().cast(), len, Advice::LinuxPopulateWrite) } {
            Err(Errno::INTR | Errno::AGAIN) => {} // a signal has had its turn
            result => return Ok(result?),
        }
    }
}

/// Unmaps pages.
///
/// # Safety
/// They are mappings that the caller owns and that are not used again.
pub(crate) unsafe fn unmap(start: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: the caller's word.
    Ok(unsafe { munmap(start.as_ptr().cast(), len) }?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of address space that this process has. See proc(5).
    fn address_space() -> usize {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: usize = text.split(' ').next().unwrap().parse().unwrap();
        pages * rustix::param::page_size()
    }

    #[test]
    fn an_aligned_mapping_takes_no_more_than_its_bytes() {
        const UNIT: usize = 1 << 30; // the kernel does not align to that by itself
        let before = address_space();
        let map = |_| map_aligned(None, 12_288, Access::ReadWrite, UNIT).unwrap();
        let starts: Vec<_> = (0..64).map(map).collect();
        for start in &starts {
            assert!(start.addr().get().is_multiple_of(UNIT));
        }
        let taken = address_space().saturating_sub(before);
        assert!(taken < 4 * UNIT, "{taken} bytes"); // with what other tests take meanwhile
        // SAFETY: the first bytes of that mapping, which nobody else has.
        unsafe { starts[0].as_ptr().write_bytes(7, 12_288) };
        for start in starts {
            // SAFETY: mapped above, and not used again.
            unsafe { unmap(start, 12_288) }.unwrap();
        }
    }
}
