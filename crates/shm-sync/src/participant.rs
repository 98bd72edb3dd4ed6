//! Who has a slot.

use std::time::{Duration, SystemTime};

use shm_core::Result;
use shm_presence::is_held;

use crate::SharedWords;
use crate::atomic::Ordering::Relaxed;
use crate::words::{Line, low_half};

/// Who took a slot of a segment. A slot is taken at the first use of a lock, a claim, a barrier;
/// so whoever only reads and writes elements has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Participant {
    /// The slot's number.
    pub slot: u32,
    /// How often the slot has been taken.
    pub generation: u32,
    /// Process id, as its own PID namespace tells it: in another one it names somebody else.
    pub pid: u32,
    /// When it took the slot, by the clock of the machine.
    pub since: SystemTime,
    /// Whether it lives, by the kernel's word. The dead are listed until their slot is taken.
    pub alive: bool,
    /// Whether it is this attachment.
    pub is_me: bool,
}

impl Participant {
    /// Whom the words of a slot name, if it was ever taken; not alive and not this attachment,
    /// unless somebody says so.
    pub(crate) fn of(slot: u32, holder: u64, since: u64) -> Option<Self> {
        let (generation, pid) = (low_half(holder), low_half(holder >> 32));
        let since = SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(since));
        let since = since.unwrap_or(SystemTime::UNIX_EPOCH);
        let found = Self { slot, generation, pid, since, alive: false, is_me: false };
        (generation != 0).then_some(found)
    }
}

/// Everybody who has or had a slot. Relaxed loads only: the words may be in read-only memory.
pub(crate) fn list(lines: &[Line], attachment: &impl SharedWords) -> Result<Vec<Participant>> {
    let me = attachment.identity().owner();
    let found = (0..).zip(lines).filter_map(|(slot, line)| {
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
