//! Where blocks lie: slabs of one size class each, found through hints and added one after the other.
//!
//! A slab's line is one word, so it is there or it is not: an arena grows by one compare-and-swap, and
//! a process that dies or stops before it has left nothing but a longer file.

use std::ops::Range;

use shm_core::{Error, Result};
use shm_sync::atomic::Ordering::{Relaxed, SeqCst};

use crate::class::{CLASSES, Class, MOST_ALIGN};
use crate::table::{Memory, Table, bits};
use crate::words::SLAB;

/// What a slab's line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) class: Class,
    /// Distance of the first block from the segment's start, in bytes.
    pub(crate) offset: u64,
}

/// A file that can be made longer.
pub(crate) trait Grow {
    /// Makes the file at least so long, in bytes.
    fn extend(&self, len: u64) -> Result<()>;
}

/// Why there is no further slab.
#[derive(Debug)]
pub(crate) enum Full {
    /// There are as many as the tables have lines.
    Slabs,
    /// The addresses have an end: those that a slab needs, and those that are left.
    Addresses(u64, u64),
    /// The line of this slab is none.
    Corrupt(usize),
    /// The system gives no more.
    Failed(Error),
}

/// What a process remembers of the slabs. Only it changes them.
#[derive(Debug)]
pub(crate) struct Local {
    /// So many slabs have been seen.
    known: usize,
    /// The slab that it takes blocks from, for each class.
    current: [Option<usize>; CLASSES],
}

impl Default for Local {
    fn default() -> Self {
        Self { known: 0, current: [None; CLASSES] }
    }
}

impl Line {
    fn new(class: Class, offset: u64) -> Self {
        Self { class, offset }
    }

    /// What a word says, unless the slab would reach out of the addresses that are for data.
    fn of(word: u64, data: &Range<u64>) -> Option<Self> {
        let [number, ..] = word.to_le_bytes();
        let line =
            Self::new(Class::of(number.checked_sub(1)?)?, (word >> 8).checked_mul(MOST_ALIGN)?);
        (line.offset >= data.start && line.end() <= data.end).then_some(line)
    }

    fn bits(self) -> u64 {
        ((self.offset / MOST_ALIGN) << 8) | (u64::from(self.class.number()) + 1)
    }

    fn end(self) -> u64 {
        self.offset.saturating_add(self.class.slab_bytes())
    }
}

/// A table, and the bytes of the segment that are for blocks.
pub(crate) struct Slabs<'a> {
    pub(crate) table: &'a Table<'a>,
    pub(crate) data: Range<u64>,
}

impl Slabs<'_> {
    /// The line of a slab, if there is such a slab.
    pub(crate) fn line(&self, slab: usize) -> Option<Line> {
        Line::of(self.table.slabs.get(slab)?.line.load(SeqCst), &self.data)
    }

    /// The bytes of a block, and its class.
    pub(crate) fn block(&self, index: usize) -> Option<(Class, Range<u64>)> {
        let Line { class, offset } = self.line(index / SLAB)?;
        let place = index % SLAB;
        let start = offset + place as u64 * class.bytes();
        (place < class.count() as usize).then_some((class, start..start + class.bytes()))
    }

    /// How many slabs there are.
    pub(crate) fn count(&self, local: &mut Local) -> usize {
        let behind = self.table.slabs.get(local.known..).unwrap_or_default();
        local.known += behind.iter().take_while(|slab| slab.line.load(SeqCst) != 0).count();
        local.known
    }

    /// Takes a free block of a class: its index and generation.
    pub(crate) fn take(
        &self,
        me: usize,
        class: Class,
        local: &mut Local,
        memory: &impl Memory,
    ) -> Option<(usize, u32)> {
        let current = local.current[usize::from(class.number())];
        if let Some(found) = current.and_then(|slab| self.take_in(me, slab, class, memory)) {
            return Some(found);
        }
        let count = self.count(local);
        // Those that other processes allocate from come last: nobody shares a slab without need.
        let mut busy = Vec::new();
        for (slab, words) in self.table.slabs[..count].iter().enumerate() {
            let free = !words.taken.load(Relaxed) & class.blocks();
            if free == 0 || self.line(slab).is_none_or(|line| line.class != class) {
                continue;
            }
            let owner = words.owner.load(Relaxed);
            if owner != 0 && owner != me as u64 + 1 {
                busy.push(slab);
            } else if let Some(found) = self.take_in(me, slab, class, memory) {
                self.settle_in(me, slab, class, local);
                return Some(found);
            }
        }
        busy.into_iter().find_map(|slab| self.take_in(me, slab, class, memory))
    }

    fn take_in(
        &self,
        me: usize,
        slab: usize,
        class: Class,
        memory: &impl Memory,
    ) -> Option<(usize, u32)> {
        let free = !self.table.slabs[slab].taken.load(SeqCst) & class.blocks();
        bits(free).map(|bit| slab * SLAB + bit).find_map(|index| {
            self.table.take(me, index, memory).map(|generation| (index, generation))
        })
    }

    /// Allocates from that slab from now on.
    fn settle_in(&self, me: usize, slab: usize, class: Class, local: &mut Local) {
        let before = local.current[usize::from(class.number())].replace(slab);
        if let Some(before) = before {
            let owner = &self.table.slabs[before].owner;
            if owner.load(Relaxed) == me as u64 + 1 {
                owner.store(0, Relaxed);
            }
        }
        self.table.slabs[slab].owner.store(me as u64 + 1, Relaxed);
    }

    /// Adds a slab of a class. Several processes may do so at once, and each gets one of its own.
    pub(crate) fn add(
        &self,
        me: usize,
        class: Class,
        local: &mut Local,
        file: &impl Grow,
    ) -> Result<(), Full> {
        loop {
            let next = self.count(local);
            let words = self.table.slabs.get(next).ok_or(Full::Slabs)?;
            let offset = match next.checked_sub(1) {
                Some(last) => self.line(last).ok_or(Full::Corrupt(last))?.end(),
                None => self.data.start,
            };
            let line = Line::new(class, offset);
            if line.end() > self.data.end {
                let left = self.data.end.saturating_sub(offset);
                return Err(Full::Addresses(class.slab_bytes(), left));
            }
            file.extend(line.end()).map_err(Full::Failed)?;
            if words.line.compare_exchange(0, line.bits(), SeqCst, SeqCst).is_ok() {
                self.settle_in(me, next, class, local);
                return Ok(());
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_reaches_out_of_the_data_is_none() {
        let class = Class::fitting(4096, 1).unwrap();
        let data = 8192..8192 + class.slab_bytes();
        let line = Line::new(class, 8192);
        assert_eq!(Line::of(line.bits(), &data), Some(line));
        for offset in [0, 4096, 12_288, 1 << 60] {
            assert_eq!(Line::of(Line::new(class, offset).bits(), &data), None, "{offset}");
        }
        for word in [0, 1, u64::MAX, 0xff, 82, 1 << 63] {
            assert_eq!(Line::of(word, &data), None, "{word:x}");
        }
    }
}
