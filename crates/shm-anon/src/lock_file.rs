//! The files that carry the locks of anonymous arrays, which have none of their own.
//!
//! A process makes one for so many of its arrays, with a range of lock bytes for each. The kernel
//! keeps the locks of a file in one list, and walks it whenever one is taken, dropped or asked for:
//! in one file for tens of thousands of arrays each would take milliseconds. Forked children find the
//! file of an array in the array that they inherit, and make others for those that they create
//! themselves: siblings would give out the same range.

use std::fs::File;
use std::sync::Arc;

use shm_core::{MAX_SLOTS, SlotLocks};
use shm_presence::fork;

use crate::os::{Refusal, open_afresh, unnamed_file};

/// Lock bytes from one array's slot 0 to the next one's.
const SPACING: u64 = 4096;
const _: () = assert!(MAX_SLOTS as u64 <= SPACING);
/// The most arrays that live at a time with their locks in one file: so many locks as there are mostly in
/// a file of one array whose slots are all taken.
const MOST: usize = 128;

/// The file that new arrays get a range of.
pub(crate) struct LockFile {
    file: Option<Arc<File>>,
    born: u64,
    next: u64,
}

/// The lock bytes of one array.
#[derive(Debug)]
pub(crate) struct Range {
    file: Arc<File>,
    first: u64,
}

impl Range {
    pub(crate) fn locks(&self) -> SlotLocks<&File> {
        SlotLocks { file: &self.file, first: self.first }
    }

    /// The same bytes of the file opened afresh.
    pub(crate) fn open(&self) -> shm_core::Result<SlotLocks> {
        let file = open_afresh(&self.file)?;
        Ok(SlotLocks { file, first: self.first })
    }
}

impl LockFile {
    pub(crate) const NONE: Self = Self { file: None, born: 0, next: 0 };

    /// A range that no other array of this process or of its ancestors has.
    pub(crate) fn range(&mut self) -> Result<Range, Box<Refusal>> {
        let born = fork::generation();
        let file = match self.file.clone().filter(|_| self.born == born) {
            Some(file) if Arc::strong_count(&file) <= MOST + 1 => file, // known, and this one
            full => match (unnamed_file(), full) {
                (Ok(file), _) => {
                    let file = Arc::new(file);
                    *self = Self { file: Some(Arc::clone(&file)), born, next: 0 };
                    file
                }
                (Err(_), Some(full)) => full, // slow is better than not at all
                (Err(refusal), None) => return Err(refusal.into()),
            },
        };
        let first = self.next;
        self.next += SPACING;
        Ok(Range { file, first })
    }
}
