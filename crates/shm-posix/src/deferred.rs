//! Leaving a segment, and names that were left to others.
//!
//! A process that leaves a segment and is not alone in it leaves the name to the others; the last of
//! them removes it. But a forked child stays without ever removing anything: it shares the
//! descriptions of its parent, and with them presence, because it has the data. A child on its way
//! from fork to `exec` is such a child for a moment. So a process that left a name to others looks
//! again: whenever it makes or leaves another segment, and when it ends by `exit` or a return from
//! `main`.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use shm_core::{Error, Result};
use shm_map::FileId;
use shm_presence::fork::{self, ForkSafe};
use shm_presence::pause;

use crate::at_exit;
use crate::names::remove_if_last;
use crate::os::SegmentPath;

/// The most names that are remembered; the oldest are forgotten, and stay until collected.
const MOST: usize = 1024;
/// How many are considered each time, so that no drop becomes slow.
const AT_ONCE: usize = 4;
/// The longest wait, in turns, of a name that was in use every time.
const MOST_TURNS: u32 = 64;
/// How often all are looked at when the process ends, a millisecond apart: long enough for a child
/// on its way to `exec`.
const LAST_LOOKS: u32 = 4;

static LEFT_NAMES: ForkSafe<VecDeque<LeftName>> = ForkSafe::new(VecDeque::new());

/// A name that other processes still used when this process left it.
#[derive(Debug)]
struct LeftName {
    place: SegmentPath,
    file: FileId,
    born: u64,
    /// Turns until it is looked at, and how many it was the last time: twice as many each time.
    wait: u32,
    turns: u32,
}

impl LeftName {
    fn new(place: SegmentPath, file: FileId) -> Self {
        Self { place, file, born: fork::generation(), wait: 0, turns: 1 }
    }
}

/// Leaves a segment: removes its name if this process was the last one in it.
pub(crate) fn leave(place: &SegmentPath, file: FileId) -> Result<()> {
    look_again();
    if remove_if_last(place, file)? {
        remember(file, || LeftName::new(place.clone(), file));
    }
    Ok(())
}

/// Considers some of the names again.
pub(crate) fn look_again() {
    for mut left in LEFT_NAMES.with(due) {
        if is_in_use(&left) {
            left.turns = MOST_TURNS.min(left.turns * 2);
            left.wait = left.turns;
            // Without looking whether it is remembered: if it was left once more meanwhile, it is asked
            // for twice. The list may be long, and this runs at each create and drop.
            LEFT_NAMES.with(|names| names.push_back(left));
        }
    }
}

/// Takes out those of the next names that have waited long enough.
fn due(names: &mut VecDeque<LeftName>) -> Vec<LeftName> {
    let mut due = Vec::new();
    for _ in 0..names.len().min(AT_ONCE) {
        let Some(mut left) = names.pop_front() else { break };
        if left.born != fork::generation() {
            continue; // a child does not remove what its parent left
        }
        if left.wait == 0 {
            due.push(left);
        } else {
            left.wait -= 1;
            names.push_back(left);
        }
    }
    due
}

/// Removes the name if nobody is present any more. If the system cannot tell, this process asks again
/// later; a successor of the segment is none of its business.
fn is_in_use(left: &LeftName) -> bool {
    let ask = || Ok(remove_if_last(&left.place, left.file)? && left.place.leads_to(left.file)?);
    ask().unwrap_or_else(|error: Error| {
        tracing::debug!(place = %left.place, %error, "cannot tell whether anybody is left");
        true
    })
}

/// The last look, at all names: those of what nobody has dropped, too.
extern "C" fn at_exit() {
    at_exit::give_up();
    for look in 0..LAST_LOOKS {
        let names = LEFT_NAMES.with(std::mem::take);
        let in_use: VecDeque<LeftName> = names
            .into_iter()
            .filter(|left| left.born == fork::generation())
            .filter(is_in_use)
            .collect();
        if in_use.is_empty() || look + 1 == LAST_LOOKS {
            return;
        }
        LEFT_NAMES.with(|names| *names = in_use);
        pause();
    }
}

/// Has this process look once more at its end.
pub(crate) fn look_at_exit() {
    static ASKED: AtomicBool = AtomicBool::new(false);
    if !ASKED.swap(true, Relaxed) {
        fork::at_exit(at_exit);
    }
}

/// Remembers a file, unless it is known.
fn remember(file: FileId, left: impl FnOnce() -> LeftName) {
    let forgotten = LEFT_NAMES.with(|names| {
        if !names.iter().any(|known| known.file == file) {
            names.push_back(left());
        }
        if names.len() > MOST { names.pop_front() } else { None }
    });
    if let Some(LeftName { place, .. }) = forgotten {
        tracing::debug!(%place, "too many names were left to others: this one is forgotten");
    }
}
