//! A shared mapping, owned.
#![allow(unsafe_code)] // mmap, munmap, madvise: see the invariant of `Mapping`.

use std::fmt;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use memmap2::{MmapOptions, MmapRaw};
use rustix::io::Errno;
use shm_core::{Access, Error, ErrorKind, Paging, Region, Result};

use crate::file::{check_file_size, check_room, no_space};
use crate::populate::{PIECE, in_pieces};
use crate::{PagePlan, system_error};

/// Bytes mapped `MAP_SHARED` into this process; unmapped on drop. See mmap(2).
///
/// A forked child inherits the mapping. Dropping its copy unmaps in the child only.
pub struct Mapping {
    memory: Memory,
    access: Access,
    paging: Paging,
    /// Whether its pages are of the pool, which the kernel promised when it was mapped.
    is_promised: bool,
    /// Whether this process found its pages itself, by writing to the file or by
    /// [`populate`](Self::populate): unmapping them is then told to be no second use.
    has_pages: AtomicBool,
}

enum Memory {
    File(MmapRaw),
    Pages(Span),
}

/// Pages of one's own mapping.
///
/// Invariant: `mapped` bytes from `start`, of which `len` are ours to use, are mapped and nothing
/// else unmaps them.
struct Span {
    start: NonNull<u8>,
    len: usize,
    mapped: usize,
    /// The file behind them that nobody else has, where the kernel makes no second mapping of pages.
    file: Option<OwnedFd>,
}

// SAFETY: an address that nothing else owns; whoever reads or writes through it is in charge of
// doing so soundly, from any thread.
unsafe impl Send for Span {}
// SAFETY: as above; `&Span` gives the address and the length only.
unsafe impl Sync for Span {}

impl Drop for Span {
    fn drop(&mut self) {
        // SAFETY: the invariant: these pages are owned here and never used again.
        let result = unsafe { os::unmap(self.start, self.mapped) };
        debug_assert!(result.is_ok(), "munmap of an owned mapping: {result:?}");
    }
}

impl Drop for Mapping {
    /// The kernel keeps a list of pages that were used twice. Finding or writing a page is one use, and
    /// it takes the unmapping of it for another: so it would put all of them on that list, mostly to
    /// free them right after, which takes twice as long. Where this process found the pages, it tells
    /// the kernel that there was no second use.
    fn drop(&mut self) {
        let is_ordinary = self.paging.huge.is_none(); // of huge ones there are few
        if *self.has_pages.get_mut() && is_ordinary && self.len() >= PIECE {
            // SAFETY: all of the mapping, which this value owns until its fields are dropped.
            unsafe { os::advise_done(self.start(), self.len()) };
        }
    }
}

impl Mapping {
    /// One whose pages this process has not found yet.
    fn of(memory: Memory, access: Access, paging: Paging, is_promised: bool) -> Self {
        Self { memory, access, paging, is_promised, has_pages: AtomicBool::new(false) }
    }

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
        let paging = Paging::ordinary("no others were asked for");
        Ok(Self::of(Memory::File(map), access, paging, false))
    }

    /// Maps the first `len` bytes of a file for the pages of a plan: huge ones at a multiple of their
    /// size, where the address space has room for that, and with `MADV_HUGEPAGE`.
    ///
    /// # Errors
    /// Those of [`file`](Self::file); [`ErrorKind::NoSpace`] if the pool has too few pages.
    pub fn in_pages(
        fd: BorrowedFd<'_>,
        len: usize,
        access: Access,
        plan: &PagePlan,
    ) -> Result<Self> {
        if !plan.is_huge() {
            return Ok(Self::file(fd, len, access)?.with_paging(plan.paging()));
        }
        Self::huge(Some(fd), len, access, plan)
    }

    fn huge(
        file: Option<BorrowedFd<'_>>,
        len: usize,
        access: Access,
        plan: &PagePlan,
    ) -> Result<Self> {
        let mapped = plan.rounded(len);
        let mut span = os::map_aligned(file, mapped, access, plan.unit())
            .map_err(|errno| huge_error(len, plan, errno))?;
        span.len = len;
        // Not where a page would reach beyond the array: that would take more than it has.
        let whole = len - len % plan.unit();
        if plan.needs_advice() && whole > 0 {
            // SAFETY: the first bytes of the mapping that was made right above.
            unsafe { os::advise_huge(span.start, whole) };
        }
        Ok(Self::of(Memory::Pages(span), access, plan.paging(), plan.is_pooled()))
    }

    /// The same, which says that of its pages.
    pub(crate) fn with_paging(mut self, paging: Paging) -> Self {
        self.paging = paging;
        self
    }

    /// The same, whose pages this process found by writing to the file.
    pub(crate) fn with_pages(mut self) -> Self {
        *self.has_pages.get_mut() = true;
        self
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
        let paging = Paging::ordinary("no others were asked for");
        Ok(Self::of(Memory::Pages(pages), Access::ReadWrite, paging, false))
    }

    /// As [`anonymous`](Self::anonymous), in the pages of a plan.
    ///
    /// # Errors
    /// Those of [`anonymous`](Self::anonymous); [`ErrorKind::LimitReached`] also for `RLIMIT_FSIZE` and
    /// `RLIMIT_NOFILE`, as pages of the pool are in a file.
    pub fn anonymous_in_pages(len: usize, plan: &PagePlan) -> Result<Self> {
        if !plan.is_huge() {
            return Ok(Self::anonymous(len)?.with_paging(plan.paging()));
        }
        if !plan.is_pooled() {
            return Self::huge(None, len, Access::ReadWrite, plan);
        }
        check_file_size(plan.rounded(len) as u64)?;
        let file = os::unnamed_file(plan.rounded(len), plan.memfd_flags())
            .map_err(|errno| huge_error(len, plan, errno))?;
        let mut mapping = Self::huge(Some(file.as_fd()), len, Access::ReadWrite, plan)?;
        if let Memory::Pages(span) = &mut mapping.memory {
            span.file = Some(file);
        }
        Ok(mapping)
    }

    /// The same anonymous memory a second time, read-only.
    ///
    /// # Errors
    /// [`ErrorKind::LimitReached`], [`ErrorKind::Os`] (EINVAL for a mapping of a file).
    pub fn read_only_twin(&self) -> Result<Self> {
        let twin = match &self.memory {
            Memory::Pages(span) => os::twin(span),
            Memory::File(_) => Err(Errno::INVAL),
        };
        let twin =
            twin.map_err(|errno| system_error("mmap", "a second mapping of an array", errno))?;
        Ok(Self::of(Memory::Pages(twin), Access::ReadOnly, self.paging, self.is_promised))
    }

    /// Reserves and maps all its pages (`MADV_POPULATE_WRITE`, Linux 5.14), on several threads if
    /// there are many, which have ended when it returns. See madvise(2).
    ///
    /// `fd` is the file behind it, asked for what is free if there is not enough.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`]; [`ErrorKind::Os`] with EINVAL where the kernel cannot.
    pub fn populate(&self, fd: Option<BorrowedFd<'_>>) -> Result<()> {
        if !self.is_promised {
            check_room(fd, self.len() as u64)?;
        }
        in_pieces(0..self.len(), |part| self.populate_part(part))
            .map_err(|errno| self.populate_error(fd, errno))
    }

    /// Reserves and maps the pages of a part of at most a piece.
    pub(crate) fn populate_part(&self, part: Range<usize>) -> Result<(), Errno> {
        let end = part.end.min(self.len());
        let begin = part.start - part.start % PIECE; // the start of a page of any size
        if part.start >= end {
            return Ok(());
        }
        self.has_pages.store(true, Relaxed);
        // SAFETY: begin < len, so the address lies within the mapping.
        let address = unsafe { self.start().add(begin) };
        loop {
            // SAFETY: the part lies within the mapping, which this value owns; populating changes
            // no byte.
            match unsafe { os::populate(address, end - begin) } {
                Err(Errno::INTR | Errno::AGAIN) => {} // a signal has had its turn
                result => return result,
            }
        }
    }

    /// What it means that pages were refused: a full tmpfs, a full machine, where the touch would
    /// have been SIGBUS.
    pub(crate) fn populate_error(&self, fd: Option<BorrowedFd<'_>>, errno: Errno) -> Error {
        match errno {
            Errno::FAULT | Errno::NOMEM => no_space(fd, self.len() as u64),
            _ => system_error("madvise", "a new segment", errno),
        }
    }
}

/// Why a mapping in huge pages was refused.
fn huge_error(len: usize, plan: &PagePlan, errno: Errno) -> Error {
    let error = system_error("mmap", format!("{len} bytes in huge pages"), errno);
    match error.kind() {
        ErrorKind::Os { .. } if errno == Errno::NOMEM && plan.is_pooled() => {
            let place = "the pool of huge pages".into();
            ErrorKind::NoSpace { needs: len as u64, has: None, place }.into()
        }
        ErrorKind::Os { .. } if errno == Errno::NOMEM => no_space(None, len as u64),
        _ => error,
    }
}

// SAFETY: both kinds own a page-aligned mapping of `len` bytes until they are dropped, and moving
// the value does not move the mapping; mmap refuses more than isize::MAX bytes.
unsafe impl Region for Mapping {
    fn start(&self) -> NonNull<u8> {
        match &self.memory {
            Memory::File(map) => NonNull::new(map.as_mut_ptr()).unwrap_or(NonNull::dangling()),
            Memory::Pages(span) => span.start,
        }
    }

    fn len(&self) -> usize {
        match &self.memory {
            Memory::File(map) => map.len(),
            Memory::Pages(span) => span.len,
        }
    }

    fn access(&self) -> Access {
        self.access
    }

    fn paging(&self) -> Paging {
        self.paging
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, len) = (self.start(), self.len());
        write!(f, "Mapping({start:p}, {len} bytes, {})", self.access)
    }
}

#[cfg(all(unix, not(miri)))]
#[path = "mapping/system.rs"]
mod os;

#[cfg(miri)]
#[path = "mapping/heap.rs"]
mod os;
