//! Leaving a segment, and names that were left to others.
//!
//! Whoever leaves and is not alone leaves the name to those who remain; the last of them removes
//! it. But a forked child remains without ever removing anything: it shares the descriptions of
//! its parent, and with them presence, because it has the data. A child on its way from fork to
//! `exec` is such a child for a moment. So whoever left a name to somebody looks again: whenever
//! he makes or leaves another segment, and when the process ends by `exit` or a return from `main`.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use shm_core::{Error, Result};
use shm_presence::fork::{self, ForkSafe};
use shm_presence::pause;

use super::directory::{FileId, SegmentPath};
use super::names::remove_if_last;

/// The most names that are remembered; the oldest are forgotten, and stay until collected.
const MOST: usize = 1024;
/// How many are considered each time, so that no drop becomes slow.
const AT_ONCE: usize = 4;
/// The longest wait, in turns, of a name that was in use every time.
const MOST_TURNS: u32 = 64;
/// How often all are looked at when the process ends, a millisecond apart: long enough for a child
/// on its way to `exec`.
const LAST_LOOKS: u32 = 4;

static LEFT: ForkSafe<VecDeque<Left>> = ForkSafe::new(VecDeque::new());

/// A name that somebody else still used when this process left it.
#[derive(Debug)]
struct Left {
    place: SegmentPath,
    file: FileId,
    born: u64,
    /// Turns until it is looked at, and how many it was the last time: twice as many each time.
    wait: u32,
    turns: u32,
}

impl Left {
    fn new(place: SegmentPath, file: FileId) -> Self {
        Self { place, file, born: fork::generation(), wait: 0, turns: 1 }
    }
}

/// Removes the name if the one who leaves was the last.
pub(crate) fn leave(place: &SegmentPath, file: FileId) -> Result<()> {
    look_again();
    if remove_if_last(place, file)? {
        remember(file, || Left::new(place.clone(), file));
    }
    Ok(())
}

/// Considers some of the names again.
pub(crate) fn look_again() {
    for mut left in LEFT.with(due) {
        if is_in_use(&left) {
            left.turns = MOST_TURNS.min(left.turns * 2);
            left.wait = left.turns;
            // Without looking whether it is remembered: if it was left once more meanwhile, it is asked
            // for twice. The list may be long, and this runs at each create and drop.
            LEFT.with(|names| names.push_back(left));
        }
    }
}

/// Takes out those of the next names that have waited long enough.
fn due(names: &mut VecDeque<Left>) -> Vec<Left> {
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

/// Removes the name if nobody is present any more. What cannot be asked is asked again; a successor is
/// none of our business.
fn is_in_use(left: &Left) -> bool {
    let ask = || Ok(remove_if_last(&left.place, left.file)? && left.place.leads_to(left.file)?);
    ask().unwrap_or_else(|error: Error| {
        tracing::debug!(place = %left.place, %error, "cannot tell whether anybody is left");
        true
    })
}

/// The last look, at all names.
extern "C" fn at_exit() {
    for look in 0..LAST_LOOKS {
        let names = LEFT.with(std::mem::take);
        let in_use: VecDeque<Left> = names
            .into_iter()
            .filter(|left| left.born == fork::generation())
            .filter(is_in_use)
            .collect();
        if in_use.is_empty() || look + 1 == LAST_LOOKS {
            return;
        }
        LEFT.with(|names| *names = in_use);
        pause();
    }
}

/// Remembers a file, unless it is known.
fn remember(file: FileId, left: impl FnOnce() -> Left) {
    static ASKED: AtomicBool = AtomicBool::new(false);
    if !ASKED.swap(true, Relaxed) {
        fork::at_exit(at_exit);
    }
    let forgotten = LEFT.with(|names| {
        if !names.iter().any(|known| known.file == file) {
            names.push_back(left());
        }
        if names.len() > MOST { names.pop_front() } else { None }
    });
    if let Some(Left { place, .. }) = forgotten {
        tracing::debug!(%place, "too many names were left to others: this one is forgotten");
    }
}
