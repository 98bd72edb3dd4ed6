//! The processes that have a slot.

use std::time::{Duration, SystemTime};

use shm_core::Result;
use shm_presence::is_held;

use crate::atomic::Ordering::Relaxed;
use crate::shared::SharedWords;
use crate::words::low_half;

/// A process that took a slot of a segment. It takes the slot at its first use of a lock, a claim or a
/// barrier, so a process that only reads and writes elements has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Participant {
    /// The slot's number.
    pub slot: u32,
    /// How often the slot has been taken.
    pub generation: u32,
    /// Process id in its own PID namespace: in another one it names another process.
    pub pid: u32,
    /// When it took the slot, by the clock of the machine.
    pub since: SystemTime,
    /// Whether it lives, by the kernel's word. A dead one is listed until its slot is taken again.
    pub alive: bool,
    /// Whether it is this attachment.
    pub is_me: bool,
}

impl Participant {
    /// The process that the words of a slot name, if it was ever taken. The caller finds out whether it
    /// lives and whether it is this attachment.
    pub(crate) fn of(slot: u32, holder: u64, since: u64) -> Option<Self> {
        let (generation, pid) = (low_half(holder), low_half(holder >> 32));
        let since = SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(since));
        let since = since.unwrap_or(SystemTime::UNIX_EPOCH);
        let found = Self { slot, generation, pid, since, alive: false, is_me: false };
        (generation != 0).then_some(found)
    }
}

/// Lists the processes that have or had a slot of a segment, which may be mapped for reading only.
///
/// # Errors
/// [`ErrorKind::Os`](shm_core::ErrorKind::Os).
pub fn participants(attachment: &impl SharedWords) -> Result<Vec<Participant>> {
    let me = attachment.identity().owner();
    // Relaxed loads only: the words may be in read-only memory.
    let found = (0..).zip(attachment.words().lines()).filter_map(|(slot, line)| {
        Participant::of(slot, line.holder.load(Relaxed), line.since.load(Relaxed))
    });
    let known = found.map(|found| {
        let (slot, generation) = (found.slot, found.generation);
        Ok(Participant {
            alive: is_held(attachment.slot_locks()?, slot)?,
            is_me: me.is_some_and(|me| (me.slot(), me.generation()) == (slot, generation)),
            ..found
        })
    });
    known.collect()
}
