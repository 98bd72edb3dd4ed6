//! Garbage that a process collects by itself, a little with each segment that it makes.
//!
//! It goes once through `/dev/shm`. Each time it looks at entries for so long and no longer, and goes on
//! there the next time, so that no create becomes slow because of what others have put there.

use std::time::{Duration, Instant};

use shm_presence::fork::{self, ForkSafe};

use crate::collect::{Task, consider};
use crate::os::{self, Cursor};

/// How long a create looks at entries: some tens of them. It looks at one in any case.
const AT_ONCE: Duration = Duration::from_micros(250);

static SWEEP: ForkSafe<Sweep> = ForkSafe::new(Sweep { next: Next::At(Cursor::START), born: 0 });

struct Sweep {
    next: Next,
    /// The fork generation that began it; zero before.
    born: u64,
}

#[derive(Clone, Copy)]
enum Next {
    At(Cursor),
    /// A thread is at it, and the others do not wait for it; or it is over.
    Nothing,
}

/// Goes on, where this process is the one that began: a forked child leaves it to its parent.
pub(crate) fn go_on() {
    let Some(from) = SWEEP.with(begin) else { return };
    let start = Instant::now();
    let walked = os::walk(from, |name| {
        let _ = consider(name.to_bytes(), Task::Remove);
        start.elapsed() < AT_ONCE
    });
    let next = walked.unwrap_or_else(|error| {
        tracing::debug!(%error, "garbage stays");
        None
    });
    SWEEP.with(|sweep| sweep.next = next.map_or(Next::Nothing, Next::At));
}

/// Where to go on, if nobody else does at this moment.
fn begin(sweep: &mut Sweep) -> Option<Cursor> {
    let me = fork::generation();
    if sweep.born == 0 {
        sweep.born = me;
    }
    match std::mem::replace(&mut sweep.next, Next::Nothing) {
        Next::At(cursor) if sweep.born == me => Some(cursor),
        _ => None,
    }
}
