//! A shared mapping, owned.
#![allow(unsafe_code)] // mmap, munmap, madvise: see the invariant of `Mapping`.

use std::fmt;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;

use memmap2::{MmapOptions, MmapRaw};
use rustix::io::Errno;
use rustix::mm;
use shm_core::{Access, Error, ErrorKind, Region, Result};

use crate::file::{check_room, no_space};
use crate::system_error;

/// What is populated at once: between the chunks, a signal gets its turn.
const CHUNK: usize = 16 << 20;

/// Bytes mapped `MAP_SHARED` into this process; unmapped on drop. See mmap(2).
///
/// A forked child inherits the mapping. Dropping its copy unmaps in the child only.
pub struct Mapping {
    memory: Memory,
    access: Access,
}

enum Memory {
    File(MmapRaw),
    Anonymous(Pages),
}

/// Anonymous pages.
///
/// Invariant: `len` bytes from `start` are one mapping that nothing else unmaps.
struct Pages {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: an address that nothing else owns; whoever reads or writes through it is in charge of
// doing so soundly, from any thread.
unsafe impl Send for Pages {}
// SAFETY: as above; `&Pages` gives the address and the length only.
unsafe impl Sync for Pages {}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the invariant: this is one mapping, owned here and never used again.
        let result = unsafe { os::unmap(self.start, self.len) };
        debug_assert!(result.is_ok(), "munmap of an owned mapping: {result:?}");
    }
}

impl Mapping {
    /// Maps the first `len` bytes of a file. The caller has checked that it has so many.
    ///
    /// # Errors
    /// [`ErrorKind::LimitReached`] for `vm.max_map_count` and `RLIMIT_AS`; [`ErrorKind::Os`], for
    /// instance EPERM where the file is sealed against writing.
    pub fn file(fd: BorrowedFd<'_>, len: usize, access: Access) -> Result<Self> {
        let mut options = MmapOptions::new();
        options.len(len);
        let map = match access {
            Access::ReadWrite => options.map_raw(fd.as_raw_fd()),
            Access::ReadOnly => options.map_raw_read_only(fd.as_raw_fd()),
        };
        let map = map.map_err(|error| {
            let object = format!("a segment of {len} bytes");
            match Errno::from_io_error(&error) {
                Some(errno) => system_error("mmap", object, errno),
                None => Error::os("mmap", object, error),
            }
        })?;
        Ok(Self { memory: Memory::File(map), access })
    }

    /// Maps `len` bytes of zeros that only this process and its forked descendants reach.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`] if the system will not promise so much memory;
    /// [`ErrorKind::LimitReached`] for `vm.max_map_count` and `RLIMIT_AS`; [`ErrorKind::Os`].
    pub fn anonymous(len: usize) -> Result<Self> {
        let pages = os::map_anonymous(len).map_err(|errno| {
            let error = system_error("mmap", format!("{len} anonymous bytes"), errno);
            match error.kind() {
                ErrorKind::Os { .. } if errno == Errno::NOMEM => no_space(None, len as u64),
                _ => error,
            }
        })?;
        Ok(Self { memory: Memory::Anonymous(pages), access: Access::ReadWrite })
    }

    /// The same anonymous memory a second time, read-only.
    ///
    /// # Errors
    /// [`ErrorKind::LimitReached`], [`ErrorKind::Os`] (EINVAL for a mapping of a file).
    pub fn read_only_twin(&self) -> Result<Self> {
        let twin = match &self.memory {
            Memory::Anonymous(pages) => os::twin(pages),
            Memory::File(_) => Err(Errno::INVAL),
        };
        let twin =
            twin.map_err(|errno| system_error("mmap", "a second mapping of an array", errno))?;
        Ok(Self { memory: Memory::Anonymous(twin), access: Access::ReadOnly })
    }

    /// Sets aside and maps all its pages (`MADV_POPULATE_WRITE`, Linux 5.14). See madvise(2).
    ///
    /// `fd` is the file behind it, asked for what is free if there is not enough.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`]; [`ErrorKind::Os`] with EINVAL where the kernel cannot.
    pub fn populate(&self, fd: Option<BorrowedFd<'_>>) -> Result<()> {
        let (start, len) = (self.start(), self.len());
        check_room(fd, len as u64)?;
        let mut at = 0;
        while at < len {
            let chunk = CHUNK.min(len - at);
            // SAFETY: at < len, so the address lies within the mapping.
            let address = unsafe { start.add(at) };
            // SAFETY: the chunk lies within the mapping, which this value owns; populating
            // changes no byte.
            match unsafe { os::populate(address, chunk) } {
                Ok(()) => at += chunk,
                Err(Errno::INTR | Errno::AGAIN) => {}
                // A full tmpfs, a full machine: the touch would have been SIGBUS.
                Err(Errno::FAULT | Errno::NOMEM) => return Err(no_space(fd, len as u64)),
                Err(errno) => return Err(system_error("madvise", "a new segment", errno)),
            }
        }
        Ok(())
    }
}

// SAFETY: both kinds own a page-aligned mapping of `len` bytes until they are dropped, and moving
// the value does not move the mapping; mmap refuses more than isize::MAX bytes.
unsafe impl Region for Mapping {
    fn start(&self) -> NonNull<u8> {
        match &self.memory {
            Memory::File(map) => NonNull::new(map.as_mut_ptr()).unwrap_or(NonNull::dangling()),
            Memory::Anonymous(pages) => pages.start,
        }
    }

    fn len(&self) -> usize {
        match &self.memory {
            Memory::File(map) => map.len(),
            Memory::Anonymous(pages) => pages.len,
        }
    }

    fn access(&self) -> Access {
        self.access
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, len) = (self.start(), self.len());
        write!(f, "Mapping({start:p}, {len} bytes, {})", self.access)
    }
}

/// Anonymous shared memory of this system.
#[cfg(all(unix, not(miri)))]
mod os {
    use rustix::mm::{Advice, MapFlags, MprotectFlags, MremapFlags, ProtFlags};

    use super::{Errno, NonNull, Pages, mm};

    pub(super) fn map_anonymous(len: usize) -> Result<Pages, Errno> {
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: without MAP_FIXED the kernel chooses an address that is free.
        let start = unsafe { mm::mmap_anonymous(std::ptr::null_mut(), len, protection, flags) }?;
        Ok(Pages { start: NonNull::new(start.cast()).ok_or(Errno::NOMEM)?, len })
    }

    /// mremap(2): "If the value of `old_size` is zero, and `old_address` refers to a shareable
    /// mapping, then `mremap()` will create a new mapping of the same pages."
    pub(super) fn twin(pages: &Pages) -> Result<Pages, Errno> {
        let (old, len) = (pages.start.as_ptr().cast(), pages.len);
        // SAFETY: `old` is the start of a shared mapping; a size of zero leaves it as it is.
        let start = unsafe { mm::mremap(old, 0, len, MremapFlags::MAYMOVE) }?;
        let twin = Pages { start: NonNull::new(start.cast()).ok_or(Errno::NOMEM)?, len };
        // SAFETY: the new mapping is owned by `twin`, and nobody has used it yet.
        unsafe { mm::mprotect(start, len, MprotectFlags::READ) }?;
        Ok(twin)
    }

    /// # Safety
    /// The bytes lie within one mapping that the caller owns.
    pub(super) unsafe fn populate(start: NonNull<u8>, len: usize) -> Result<(), Errno> {
        // SAFETY: the caller's word; this advice changes no byte.
        unsafe { mm::madvise(start.as_ptr().cast(), len, Advice::LinuxPopulateWrite) }
    }

    /// # Safety
    /// They are one mapping that the caller owns and that is not used again.
    pub(super) unsafe fn unmap(start: NonNull<u8>, len: usize) -> Result<(), Errno> {
        // SAFETY: the caller's word.
        unsafe { mm::munmap(start.as_ptr().cast(), len) }
    }
}

/// A stand-in on the heap, for an interpreter that knows no shared memory.
#[cfg(miri)]
mod os {
    use std::alloc::{Layout, alloc_zeroed, dealloc};

    use super::{Errno, NonNull, Pages};

    fn layout(len: usize) -> Result<Layout, Errno> {
        Layout::from_size_align(len.max(1), 4096).map_err(|_| Errno::NOMEM)
    }

    pub(super) fn map_anonymous(len: usize) -> Result<Pages, Errno> {
        // SAFETY: the size is not zero.
        let start = unsafe { alloc_zeroed(layout(len)?) };
        Ok(Pages { start: NonNull::new(start).ok_or(Errno::NOMEM)?, len })
    }

    pub(super) fn twin(_: &Pages) -> Result<Pages, Errno> {
        Err(Errno::NOSYS)
    }

    pub(super) unsafe fn populate(_: NonNull<u8>, _: usize) -> Result<(), Errno> {
        Ok(())
    }

    pub(super) unsafe fn unmap(start: NonNull<u8>, len: usize) -> Result<(), Errno> {
        // SAFETY: allocated by `map_anonymous` with the same layout, and not used again.
        unsafe { dealloc(start.as_ptr(), layout(len)?) };
        Ok(())
    }
}
