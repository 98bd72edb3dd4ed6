//! The words of a segment, read from a copy of its bytes: for a process that is not attached.

use std::fs::File;
use std::mem::offset_of;

use shm_core::{Result, SlotLocks};
use shm_presence::{Owner, is_held};

use crate::lock::word::{is_begun, is_poisoned, is_waited_for};
use crate::participant::Participant;
use crate::words::{Line, LockWords, MAX_LINES, SyncArea, low_half};

/// The lock of an array, as it was at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockState {
    /// The slot of the exclusive holder, alive or dead: the next waiter releases the lock of a dead one.
    pub holder: Option<u32>,
    /// Whether that holder lives, by the kernel's word.
    pub holder_alive: bool,
    /// Whether that holder keeps others out, but itself waits until the sharers have let go.
    pub holder_waits: bool,
    /// Whether others sleep until that holder has let go. The words do not say which.
    pub is_waited_for: bool,
    /// The slots of the living sharers: with guards for reading, or with chunks.
    pub sharers: Vec<u32>,
    /// Whether a writer died or panicked, and no later one has cleared the poison.
    pub poisoned: bool,
}

/// The words that a segment had when its bytes were copied.
///
/// The words are read one after the other while others write them, so two of them may never have
/// been in the segment together.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    sync_area: &'a [u8],
    slot_table: &'a [u8],
    locks: SlotLocks<&'a File>,
}

impl<'a> Snapshot<'a> {
    /// From private copies of the sync area and the slot table; either may be short, as if zeros
    /// followed. `locks` tells which owners live; its file may be open for reading only.
    pub fn new(sync_area: &'a [u8], slot_table: &'a [u8], locks: SlotLocks<&'a File>) -> Self {
        Self { sync_area, slot_table, locks }
    }

    /// All processes that have or had a slot. None [is this attachment](Participant::is_me), as there is
    /// none.
    ///
    /// # Errors
    /// [`ErrorKind::Os`](shm_core::ErrorKind::Os).
    pub fn participants(&self) -> Result<Vec<Participant>> {
        let found = self.lines().filter_map(|(slot, line)| {
            let holder = word(line, offset_of!(Line, holder));
            Participant::of(slot, holder, word(line, offset_of!(Line, since)))
        });
        let known = found.map(|found| {
            let alive = is_held(self.locks, found.slot)?;
            Ok(Participant { alive, ..found })
        });
        known.collect()
    }

    /// The lock of a guarded array.
    ///
    /// # Errors
    /// [`ErrorKind::Os`](shm_core::ErrorKind::Os).
    pub fn lock_state(&self) -> Result<LockState> {
        const WORD: usize = offset_of!(SyncArea, lock) + offset_of!(LockWords, word);
        let lock = word(self.sync_area, WORD);
        let holder = Owner::in_word(lock);
        let holder_alive = match holder {
            Some(holder) => self.is_alive(holder)?,
            None => false,
        };
        let mut sharers = Vec::new();
        for (slot, line) in self.lines() {
            let marks = word(line, offset_of!(Line, marks));
            let owner = Owner::new(slot, low_half(marks >> 32));
            if low_half(marks) != 0 && self.is_alive(owner)? {
                sharers.push(slot);
            }
        }
        let left_poisoned = holder.is_some() && !holder_alive && is_begun(lock);
        let poisoned = is_poisoned(lock) || left_poisoned;
        Ok(LockState {
            holder: holder.map(Owner::slot),
            holder_alive,
            holder_waits: holder_alive && !is_begun(lock) && !sharers.is_empty(),
            is_waited_for: holder.is_some() && is_waited_for(lock),
            sharers,
            poisoned,
        })
    }

    fn is_alive(&self, owner: Owner) -> Result<bool> {
        let line = self.lines().find(|(slot, _)| *slot == owner.slot());
        let Some((slot, line)) = line else { return Ok(false) };
        let is_current = low_half(word(line, offset_of!(Line, holder))) == owner.generation();
        Ok(is_current && is_held(self.locks, slot)?)
    }

    fn lines(&self) -> impl Iterator<Item = (u32, &'a [u8])> + use<'a> {
        (0..).zip(self.slot_table.chunks(size_of::<Line>()).take(MAX_LINES))
    }
}

/// The word at that offset in bytes; zero if it is not there.
fn word(bytes: &[u8], at: usize) -> u64 {
    let bytes = bytes.get(at..).and_then(|bytes| bytes.first_chunk());
    bytes.map_or(0, |bytes| u64::from_ne_bytes(*bytes))
}
