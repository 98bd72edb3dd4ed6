//! The table in which the workers of a game publish what they are at, for whoever kills them.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use ndarray::IndexLonger;
use shmarray::prelude::*;

/// The state of a worker. The worker says that it holds something after it has got it, and that it does not
/// before it gives it up: so what is said to be held is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Outside,
    /// Asks for something that others may hold.
    Waiting,
    /// As [`Waiting`](Self::Waiting), behind somebody dead whom nobody has found yet.
    Rescuing,
    Reading,
    Writing,
    /// Writes a poisoned array anew.
    Mending,
    Chunk,
    /// Has a chunk that another did not finish.
    ChunkRetry,
    /// Is about to say, or has just said, that its chunk is done.
    ChunkEnd,
    /// Has a place at the barrier, between two phases.
    HasSeat,
    AtBarrier,
    /// Was told that the barrier is broken, and has not been through the next.
    Reforming,
    Watching,
    Counting,
}

impl State {
    pub(crate) const ALL: [Self; 14] = [
        Self::Outside,
        Self::Waiting,
        Self::Rescuing,
        Self::Reading,
        Self::Writing,
        Self::Mending,
        Self::Chunk,
        Self::ChunkRetry,
        Self::ChunkEnd,
        Self::HasSeat,
        Self::AtBarrier,
        Self::Reforming,
        Self::Watching,
        Self::Counting,
    ];

    /// The states in which another worker has to be killed (in any of them), so that some worker comes
    /// into this one.
    pub(crate) fn needs(self) -> &'static [Self] {
        match self {
            Self::Mending => &[Self::Writing],
            Self::ChunkRetry => &[Self::Chunk],
            Self::Rescuing => &[Self::Writing, Self::Chunk],
            Self::Reforming => &[Self::AtBarrier],
            _ => &[],
        }
    }
}

/// A number of a worker, or of all.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Column {
    State,
    /// The number of the process that plays this worker now.
    Life,
    /// Its completed sections, so that others can see that it goes on.
    Sections,
    /// Writes or counts that were begun, and that were completed.
    Begun,
    Done,
    /// Its recoveries, as its game counts them: poisoned arrays, chunks of others, broken barriers.
    Recovered,
    /// One more than its slot, and than the slot that broke a barrier.
    Slot,
    Breaker,
}

const COLUMNS: usize = 8;

/// A number that all share.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Common {
    IsOver,
    Round,
    /// For how many the barrier is, and how often that has changed.
    Size,
    Resized,
    /// Chunks that were said to be done by two, the first of whom was killed while it said so.
    DoneAgain,
}

pub(crate) struct Board {
    /// A row for each worker, and one that all share.
    table: SharedArray<u64, Ix2>,
    workers: usize,
}

impl Board {
    pub(crate) fn new(workers: usize) -> Self {
        let builder = SharedArray::builder((workers + 1, COLUMNS)).unique("board");
        Self { table: builder.backend(BackendKind::Mmap).zeros().unwrap(), workers }
    }

    pub(crate) fn of(&self, worker: usize, column: Column) -> &AtomicU64 {
        assert!(worker < self.workers);
        self.table.atomic_view().index([worker, column as usize])
    }

    pub(crate) fn common(&self, which: Common) -> &AtomicU64 {
        self.table.atomic_view().index([self.workers, which as usize])
    }

    pub(crate) fn sum(&self, column: Column) -> u64 {
        (0..self.workers).map(|worker| self.of(worker, column).load(SeqCst)).sum()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.common(Common::IsOver).load(SeqCst) != 0
    }

    pub(crate) fn state(&self, worker: usize) -> State {
        State::ALL[usize::try_from(self.of(worker, Column::State).load(SeqCst)).unwrap()]
    }

    pub(crate) fn publish(&self, worker: usize, state: State) {
        self.of(worker, Column::State).store(state as u64, SeqCst);
        self.table.progress().add(1);
    }

    /// Sleeps until `found` finds something on the board; none if it takes too long.
    pub(crate) fn wait_for<T>(
        &self,
        time: Duration,
        mut found: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        const TICK: Duration = Duration::from_millis(20);
        let until = std::time::Instant::now() + time;
        loop {
            let seen = self.table.progress().get();
            if let Some(found) = found() {
                return Some(found);
            }
            let rest = until.checked_duration_since(std::time::Instant::now())?;
            // Late is as good as in time: `found` tells.
            let _ = self.table.progress().wait_past(seen, Timeout::After(rest.min(TICK)));
        }
    }

    /// The state of every worker, for the message of a failure.
    pub(crate) fn describe(&self) -> String {
        let all = [Column::Life, Column::Sections, Column::Begun, Column::Done, Column::Recovered];
        let line = |worker| {
            let numbers = all.map(|column| self.of(worker, column).load(SeqCst));
            format!("worker {worker}: {:?} {all:?} = {numbers:?}\n", self.state(worker))
        };
        (0..self.workers).map(line).collect()
    }
}
