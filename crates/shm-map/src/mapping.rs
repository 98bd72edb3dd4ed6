//! A shared mapping, owned.
#![allow(unsafe_code)] // mmap, munmap, madvise: see the invariant of `Mapping`.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use memmap2::MmapRaw;
use shm_core::{Access, Error, ErrorKind, Paging, Region, Result};

use crate::file::check_file_size;
use crate::os::{self, BorrowedFile, system_error};
use crate::pages::PagePlan;
use crate::populate::{PIECE, in_pieces};
use crate::space::{check_room, no_space};

/// Bytes mapped `MAP_SHARED` into this process; unmapped on drop. See mmap(2).
///
/// A forked child inherits the mapping. Dropping its copy unmaps in the child only.
pub struct Mapping {
    memory: Memory,
    access: Access,
    paging: Paging,
    /// Whether its pages are hugetlb ones, which the kernel promised when they were mapped.
    is_promised: bool,
    /// Whether this process populated it, by writing to the file or by
    /// [`populate`](Self::populate): the kernel is then told that unmapping is no second use.
    is_populated: AtomicBool,
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
    file: Option<File>,
}

// SAFETY: an address that nothing else owns; the code that reads or writes through it is in charge of
// doing so soundly, from any thread.
unsafe impl Send for Span {}
// SAFETY: as above; `&Span` gives the address and the length only.
unsafe impl Sync for Span {}

impl Span {
    /// The same pages a second time, read-only.
    fn read_only_twin(&self) -> io::Result<Self> {
        let Self { len, mapped, .. } = *self;
        // SAFETY: the invariant: these pages are a mapping that is owned here.
        let start = unsafe { os::second_mapping(self.start, mapped, self.file.as_ref()) }?;
        Ok(Self { start, len, mapped, file: None })
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        // SAFETY: the invariant: these pages are owned here and never used again.
        let result = unsafe { os::unmap(self.start, self.mapped) };
        debug_assert!(result.is_ok(), "munmap of an owned mapping: {result:?}");
    }
}

impl Drop for Mapping {
    /// Tells the kernel that the pages which this process populated had no second use.
    ///
    /// The kernel keeps a list of pages that were used twice. It takes the first write to a page for
    /// one use and its unmapping for another. So it would put all of these on that list, mostly to
    /// free them right after, which takes twice as long.
    fn drop(&mut self) {
        let is_ordinary = self.paging.huge.is_none(); // of huge ones there are few
        if *self.is_populated.get_mut() && is_ordinary && self.len() >= PIECE {
            // SAFETY: all of the mapping, which this value owns until its fields are dropped.
            unsafe { os::advise_done(self.start(), self.len()) };
        }
    }
}

impl Mapping {
    /// One that this process has not populated.
    fn of(memory: Memory, access: Access, paging: Paging, is_promised: bool) -> Self {
        Self { memory, access, paging, is_promised, is_populated: AtomicBool::new(false) }
    }

    /// Maps the first `len` bytes of a file. The caller has checked that it has so many.
    ///
    /// # Errors
    /// [`ErrorKind::LimitReached`] for `vm.max_map_count` and `RLIMIT_AS`; [`ErrorKind::Os`], for
    /// instance EPERM where the file is sealed against writing.
    pub fn file(fd: BorrowedFile<'_>, len: usize, access: Access) -> Result<Self> {
        let map = os::map_file(fd, len, access)
            .map_err(|error| system_error("mmap", format!("a segment of {len} bytes"), error))?;
        let paging = Paging::ordinary("no others were asked for");
        Ok(Self::of(Memory::File(map), access, paging, false))
    }

    /// Maps the first `len` bytes of a file for the pages of a plan: huge ones at a multiple of their
    /// size, where the address space has room for that, and with `MADV_HUGEPAGE`.
    ///
    /// # Errors
    /// Those of [`file`](Self::file); [`ErrorKind::NoSpace`] if too few hugetlb pages are free.
    pub fn in_pages(
        fd: BorrowedFile<'_>,
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
        file: Option<BorrowedFile<'_>>,
        len: usize,
        access: Access,
        plan: &PagePlan,
    ) -> Result<Self> {
        let mapped = plan.rounded(len);
        let start = os::map_aligned(file, mapped, access, plan.unit())
            .map_err(|error| huge_error(len, plan, error))?;
        let span = Span { start, len, mapped, file: None };
        // Not where a page would reach beyond the array: that would take more than it has.
        let whole = len - len % plan.unit();
        if plan.needs_advice() && whole > 0 {
            // SAFETY: the first bytes of the mapping that was made right above.
            unsafe { os::advise_huge(span.start, whole) };
        }
        Ok(Self::of(Memory::Pages(span), access, plan.paging(), plan.is_hugetlb()))
    }

    /// The same, which says that of its pages.
    pub(crate) fn with_paging(mut self, paging: Paging) -> Self {
        self.paging = paging;
        self
    }

    /// Notes that this process populated it by writing to the file.
    pub(crate) fn set_populated(&mut self) {
        *self.is_populated.get_mut() = true;
    }

    /// Maps `len` bytes of zeros that only this process and its forked descendants reach.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`] if the system will not promise so much memory;
    /// [`ErrorKind::LimitReached`] for `vm.max_map_count` and `RLIMIT_AS`; [`ErrorKind::Os`].
    pub fn anonymous(len: usize) -> Result<Self> {
        let start = os::map_anonymous(len).map_err(|error| {
            let error = system_error("mmap", format!("{len} anonymous bytes"), error);
            match refusal_of_memory(&error) {
                Some(refusal) => no_space(None, len as u64, refusal),
                None => error,
            }
        })?;
        let paging = Paging::ordinary("no others were asked for");
        let span = Span { start, len, mapped: len, file: None };
        Ok(Self::of(Memory::Pages(span), Access::ReadWrite, paging, false))
    }

    /// As [`anonymous`](Self::anonymous), in the pages of a plan.
    ///
    /// # Errors
    /// Those of [`anonymous`](Self::anonymous); [`ErrorKind::LimitReached`] also for `RLIMIT_FSIZE` and
    /// `RLIMIT_NOFILE`, as hugetlb pages are in a file.
    pub fn anonymous_in_pages(len: usize, plan: &PagePlan) -> Result<Self> {
        if !plan.is_huge() {
            return Ok(Self::anonymous(len)?.with_paging(plan.paging()));
        }
        if !plan.is_hugetlb() {
            return Self::huge(None, len, Access::ReadWrite, plan);
        }
        check_file_size(plan.rounded(len) as u64)?;
        let file = unnamed_huge_file(plan.rounded(len) as u64, plan.unit())
            .map_err(|error| huge_error(len, plan, error))?;
        let mut mapping = Self::huge(Some(&file), len, Access::ReadWrite, plan)?;
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
            Memory::Pages(span) => span.read_only_twin(),
            Memory::File(_) => Err(io::ErrorKind::InvalidInput.into()),
        };
        let twin =
            twin.map_err(|error| system_error("mmap", "a second mapping of an array", error))?;
        Ok(Self::of(Memory::Pages(twin), Access::ReadOnly, self.paging, self.is_promised))
    }

    /// Reserves and maps all its pages (`MADV_POPULATE_WRITE`, Linux 5.14), on several threads if
    /// there are many, which have ended when it returns. See madvise(2).
    ///
    /// `fd` is the file behind it, asked for what is free if there is not enough.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`]; [`ErrorKind::Os`] with EINVAL where the kernel cannot.
    pub fn populate(&self, fd: Option<BorrowedFile<'_>>) -> Result<()> {
        if !self.is_promised {
            check_room(fd, self.len() as u64)?;
        }
        in_pieces(0..self.len(), |part| self.populate_part(part))
            .map_err(|error| self.populate_error(fd, error))
    }

    /// Reserves and maps the pages of a part of it, whose room the caller has checked.
    pub(crate) fn populate_within(&self, fd: BorrowedFile<'_>, part: Range<usize>) -> Result<()> {
        in_pieces(part, |part| self.populate_part(part))
            .map_err(|error| self.populate_error(Some(fd), error))
    }

    /// Refuses what memory is too short for, unless this process has its pages already or the kernel
    /// has promised them.
    pub(crate) fn check_memory(&self) -> Result<()> {
        if self.is_promised || self.is_populated.load(Relaxed) {
            return Ok(());
        }
        check_room(None, self.len() as u64)
    }

    /// Reserves and maps the pages of a part of at most a piece.
    pub(crate) fn populate_part(&self, part: Range<usize>) -> io::Result<()> {
        let end = part.end.min(self.len());
        let begin = part.start - part.start % PIECE; // the start of a page of any size
        if part.start >= end {
            return Ok(());
        }
        self.is_populated.store(true, Relaxed);
        // SAFETY: begin < len, so the address lies within the mapping.
        let address = unsafe { self.start().add(begin) };
        // SAFETY: the part lies within the mapping, which this value owns; populating changes no byte.
        unsafe { os::populate(address, end - begin) }
    }

    /// The error for pages that were refused: of a full tmpfs or machine, where the first touch would
    /// have been SIGBUS.
    pub(crate) fn populate_error(&self, fd: Option<BorrowedFile<'_>>, error: io::Error) -> Error {
        if os::is_page_refused(&error) {
            no_space(fd, self.len() as u64, &error)
        } else {
            system_error("madvise", "a new segment", error)
        }
    }
}

/// A file without a name, of so many bytes in hugetlb pages of `unit` bytes.
fn unnamed_huge_file(len: u64, unit: usize) -> io::Result<File> {
    let file = os::unnamed_file(b"shmarray", Some(unit))?;
    os::set_len(&file, len)?;
    Ok(file)
}

/// The error for a mapping in huge pages that was refused.
fn huge_error(len: usize, plan: &PagePlan, error: io::Error) -> Error {
    let error = system_error("mmap", format!("{len} bytes in huge pages"), error);
    match refusal_of_memory(&error) {
        None => error,
        Some(_) if plan.is_hugetlb() => {
            let place = "the hugetlb pages of this machine".into();
            ErrorKind::NoSpace { needs: len as u64, has: None, place }.into()
        }
        Some(refusal) => no_space(None, len as u64, refusal),
    }
}

/// The system's word, if it had no memory to promise and no limit of this process explains it.
fn refusal_of_memory(error: &Error) -> Option<&io::Error> {
    match error.kind() {
        ErrorKind::Os { error, .. } if os::is_full(error) => Some(error),
        _ => None,
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
