//! The words of a segment, read from a copy of its bytes: for a process that is not attached.

use std::fs::File;
use std::mem::offset_of;

use shm_core::{MAX_SLOTS, Result, SlotLocks};
use shm_presence::{Owner, is_held};

use crate::barrier::state::{State, has_arrived, is_taken};
use crate::claims::bits::Task;
use crate::lock::word::{is_begun, is_poisoned, is_waited_for};
use crate::participant::Participant;
use crate::waits_for::WaitsFor;
use crate::words::{BarrierWords, Entry, Line, LockWords, SyncArea, low_half};

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
    /// Whether others sleep until that holder has let go: see [`waits`](Snapshot::waits).
    pub is_waited_for: bool,
    /// The slots of the living sharers: with guards for reading, or with chunks.
    pub sharers: Vec<u32>,
    /// Whether a writer died or panicked, and no later one has cleared the poison.
    pub poisoned: bool,
}

/// A participant that waits for others, as it was at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitState {
    /// The slot of the participant that waits.
    pub slot: u32,
    /// What it waits for.
    pub what: WaitsFor,
    /// The slots of the living participants that it waits for: the waiter itself too, if it holds what
    /// it waits for.
    pub whom: Vec<u32>,
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
        let sharers = self.living(Self::sharer)?;
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

    /// The living participants that sleep until others let go, arrive or leave. A participant notes what it
    /// waits for as a hint, so one that just began to wait, or just ended, may be missing or too much.
    ///
    /// # Errors
    /// [`ErrorKind::Os`](shm_core::ErrorKind::Os).
    pub fn waits(&self) -> Result<Vec<WaitState>> {
        const BARRIER: usize = offset_of!(SyncArea, barrier) + offset_of!(BarrierWords, state);
        let barrier = State::of(word(self.sync_area, BARRIER));
        let (mut all, mut groups) = (Vec::new(), Vec::<(WaitsFor, Vec<u32>)>::new());
        for (slot, line) in self.lines() {
            let note = word(line, offset_of!(Line, waits_for));
            let Some(what) = WaitsFor::of(note) else { continue };
            let waiter = Owner::new(slot, low_half(word(line, offset_of!(Line, holder))));
            if !self.is_alive(waiter)? {
                continue;
            }
            let whom = match groups.iter().find(|(of, _)| *of == what) {
                Some((_, group)) => group.clone(),
                None if what == WaitsFor::Holder => match Owner::in_word(note) {
                    Some(holder) if self.is_alive(holder)? => vec![holder.slot()],
                    _ => Vec::new(),
                },
                None => {
                    let group =
                        self.living(|slot, line| Self::waited_for(what, slot, line, barrier))?;
                    groups.push((what, group.clone()));
                    group
                }
            };
            all.push(WaitState { slot, what, whom });
        }
        Ok(all)
    }

    /// The owner that the words of a line name, if those who wait for that wait for it.
    fn waited_for(what: WaitsFor, slot: u32, line: &[u8], barrier: State) -> Option<Owner> {
        let seat = word(line, offset_of!(Line, seat));
        match what {
            WaitsFor::Holder => None, // the note names it
            WaitsFor::Sharers => Self::sharer(slot, line),
            WaitsFor::Chunks => {
                let entry = line.get(offset_of!(Line, entry)..)?;
                let is_held = Task::of(word(entry, offset_of!(Entry, task))).is_held();
                Owner::in_word(word(entry, offset_of!(Entry, owner))).filter(|_| is_held)
            }
            WaitsFor::Arrivals => {
                let is_late = is_taken(seat) && !has_arrived(seat, barrier);
                Owner::in_word(seat).filter(|_| is_late)
            }
            WaitsFor::Seats => Owner::in_word(seat).filter(|_| is_taken(seat)),
        }
    }

    /// The slots of those owners of lines that live, in order and once each.
    fn living(&self, owner: impl Fn(u32, &[u8]) -> Option<Owner>) -> Result<Vec<u32>> {
        let mut slots = Vec::new();
        for (slot, line) in self.lines() {
            if let Some(owner) = owner(slot, line)
                && self.is_alive(owner)?
            {
                slots.push(owner.slot());
            }
        }
        slots.sort_unstable();
        slots.dedup();
        Ok(slots)
    }

    /// The holder of a line, if it says that it shares the lock.
    fn sharer(slot: u32, line: &[u8]) -> Option<Owner> {
        let marks = word(line, offset_of!(Line, marks));
        (low_half(marks) != 0).then(|| Owner::new(slot, low_half(marks >> 32)))
    }

    fn is_alive(&self, owner: Owner) -> Result<bool> {
        let line = self.lines().nth(owner.slot() as usize);
        let Some((slot, line)) = line else { return Ok(false) };
        let is_current = low_half(word(line, offset_of!(Line, holder))) == owner.generation();
        Ok(is_current && is_held(self.locks, slot)?)
    }

    fn lines(&self) -> impl Iterator<Item = (u32, &'a [u8])> + use<'a> {
        (0..MAX_SLOTS).zip(self.slot_table.chunks(size_of::<Line>()))
    }
}

/// The word at that offset in bytes; zero if it is not there.
fn word(bytes: &[u8], at: usize) -> u64 {
    let bytes = bytes.get(at..).and_then(|bytes| bytes.first_chunk());
    bytes.map_or(0, |bytes| u64::from_ne_bytes(*bytes))
}
