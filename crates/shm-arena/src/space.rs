//! The addresses of an arena: one mapping that is longer than the file, which grows behind it.
#![allow(unsafe_code)] // makes references to the tables, and addresses of blocks

use std::fs::File;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use shm_core::{Error, ErrorKind, Region, Result};
use shm_map::Mapping;

use crate::geometry::Tables;
use crate::os;
use crate::table::Table;
use crate::words::{PAGE, SLAB, SLOTS};

/// A file becomes longer by multiples of so many bytes, which have no memory until they are used.
const STEP: u64 = 16 << 20;

/// The addresses, and how many of them have a file behind them.
///
/// Invariant: the file had `backed` bytes at some time, and never becomes shorter.
#[derive(Debug)]
pub(crate) struct Space {
    mapping: Mapping,
    backed: AtomicU64,
}

impl Space {
    /// Maps `reserve` bytes for a file that nobody can make shorter.
    pub(crate) fn new(file: &File, reserve: u64) -> Result<Self> {
        let mapping = os::map(file, usize::try_from(reserve).unwrap_or(usize::MAX))?;
        Ok(Self { mapping, backed: AtomicU64::new(file_len(file)?) })
    }

    /// The mapping, of which not all bytes have a file behind them.
    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// The address of some bytes, if the file has them. The kernel is asked, not the words of the arena.
    pub(crate) fn at(&self, file: &File, part: &Range<u64>) -> Result<NonNull<u8>> {
        if part.end > self.backed.load(Relaxed) {
            self.backed.fetch_max(file_len(file)?, Relaxed);
        }
        let has = self.backed.load(Relaxed).min(self.mapping.len() as u64);
        if part.start > part.end || part.end > has {
            let (what, needs) = ("the file of an arena", part.end);
            return Err(ErrorKind::Truncated { what, needs, has }.into());
        }
        let start = usize::try_from(part.start).unwrap_or(usize::MAX);
        // SAFETY: start <= end <= the mapping's length.
        Ok(unsafe { self.mapping.start().add(start) })
    }

    /// Makes the file at least so long. It never becomes shorter, whichever process does this too.
    pub(crate) fn extend(&self, file: &File, len: u64) -> Result<()> {
        let more = len.next_multiple_of(STEP).min(self.mapping.len() as u64).max(len);
        while self.backed.load(Relaxed) < len {
            let has = file_len(file)?;
            self.backed.fetch_max(has, Relaxed);
            if has >= len {
                break;
            }
            // A limit may allow what is needed, and no more.
            let extended = os::set_len(file, more).or_else(|_| os::set_len(file, len));
            if let Err(error) = extended
                && file_len(file)? == has
            {
                return Err(error); // not because another process made it longer meanwhile
            }
        }
        Ok(())
    }

    /// Writes zeros.
    pub(crate) fn clear(&self, file: &File, part: &Range<u64>) -> Result<()> {
        let start = self.at(file, part)?;
        let len = usize::try_from(part.end - part.start).unwrap_or(0);
        // SAFETY: so many bytes from `start` are mapped for writing and have a file behind them; the
        // caller frees them, so no process uses them.
        unsafe { start.as_ptr().write_bytes(0, len) };
        Ok(())
    }

    /// Finds the tables of an arena for so many arrays.
    ///
    /// # Safety
    /// The result is not used after the space is dropped. No process uses these bytes but through this
    /// crate.
    pub(crate) unsafe fn table(
        &self,
        file: &File,
        arrays: u32,
        tables: &Tables,
    ) -> Result<Table<'static>> {
        self.at(file, &(0..tables.end))?;
        let arrays = arrays as usize;
        // SAFETY: the tables end where `tables.end` says, which was checked right above, and are aligned
        // to 4096 bytes. The rest is the caller's word.
        let slabs = unsafe { self.slice(tables.slabs, arrays / SLAB) };
        // SAFETY: as above.
        let present = unsafe { self.slice(tables.present, arrays / PAGE) };
        // SAFETY: as above.
        let records = unsafe { self.slice(tables.records, arrays) };
        // SAFETY: as above.
        let rows = unsafe { self.slice(tables.rows, arrays * SLOTS) };
        Ok(Table { records, rows, present, slabs })
    }

    /// # Safety
    /// As for [`table`](Self::table). So many `T`, which may have any bits and be written by others, lie
    /// aligned from there on within the file and the mapping.
    unsafe fn slice<T>(&self, at: u64, count: usize) -> &'static [T] {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        // SAFETY: the caller's word.
        let start = unsafe { self.mapping.start().add(at) }.cast::<T>();
        // SAFETY: the caller's word.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), count) }
    }
}

/// Length of a file in bytes, as the kernel tells.
pub(crate) fn file_len(file: &File) -> Result<u64> {
    let metadata = file.metadata();
    Ok(metadata.map_err(|error| Error::os("fstat", "the file of an arena", error))?.len())
}
