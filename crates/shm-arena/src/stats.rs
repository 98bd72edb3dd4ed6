//! What is in an arena, counted.

use shm_core::{Handover, Identified, Result};
use shm_sync::atomic::Ordering::Relaxed;

use crate::attachment::Attachment;
use crate::slab::Local;
use crate::space::file_len;
use crate::words::{BUSY, HANDLES, Kind, SLAB, SLOTS, State};

/// What an arena has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Arrays that can be attached.
    pub arrays: u64,
    /// Their bytes, without what their blocks have more.
    pub bytes: u64,
    /// Blocks that a process fills or frees, or did when it died.
    pub changing: u64,
    /// Blocks of the slabs there are that nobody has.
    pub free: u64,
    /// Of those, blocks that no search finds, as their hint is wrong.
    pub hidden: u64,
    /// Handles that processes have, or had when they died.
    pub handles: u64,
    /// Slabs.
    pub slabs: u64,
    /// Length of the file in bytes. Not all of it has memory.
    pub file_len: u64,
}

impl Stats {
    pub(crate) fn of<S: Identified + Handover>(arena: &Attachment<S>) -> Result<Self> {
        let (table, slabs) = (arena.table(), arena.slabs());
        let count = slabs.count(&mut Local::default());
        let mut stats = Self { slabs: count as u64, ..Self::default() };
        stats.file_len = file_len(arena.segment.file())?;
        for (slab, words) in table.slabs[..count].iter().enumerate() {
            let Some(line) = slabs.line(slab) else { continue };
            let taken = words.taken.load(Relaxed);
            for place in 0..line.class.count() as usize {
                let record = &table.records[slab * SLAB + place];
                match State::of(record.state.load(Relaxed)).kind {
                    Kind::Free => {
                        stats.free += 1;
                        stats.hidden += taken >> place & 1;
                    }
                    Kind::Live(_) => {
                        stats.arrays += 1;
                        stats.bytes += record.len.load(Relaxed).min(line.class.bytes());
                    }
                    Kind::Filling | Kind::Dying(_) => stats.changing += 1,
                }
            }
        }
        for slot in table.all_present().filter(|slot| *slot < SLOTS) {
            for index in 0..count * SLAB {
                let marks = table.marks(slot, index).load(Relaxed);
                stats.handles += (marks & HANDLES) + u64::from(marks & BUSY != 0);
            }
        }
        Ok(stats)
    }
}
