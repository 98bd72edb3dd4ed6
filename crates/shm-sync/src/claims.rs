//! Claims: the chunks of an array, each handed out to one holder at a time until it is done.
//!
//! Three kinds of words say everything. The *plan*: which round this is, and how the array is
//! divided. The *cursor*: which chunk is next, and which entry took the one before. The *entries*:
//! the owner of each, and the chunk that it is about, its *task*.
//!
//! A chunk is taken in two steps, so that nothing is lost between them: an owner writes into its
//! entry which chunk it wants, then moves the cursor on in its name. The next worker first makes
//! the entry say *holds* ([`Claims::settle`]), whether its owner lives or not. A chunk
//! is done once the cursor is past it and no entry holds it. The entry of a dead owner is taken
//! over, with the chunk it holds, by one compare-and-swap of its owner.
//!
//! For example: A writes "wants 7" into its entry, moves the cursor to "8 is next, taken by A's entry",
//! and dies. B comes, and settles: A's entry holds 7. B takes 8. When nothing else is left, B finds
//! that the owner of A's entry is dead, and takes the entry over, and with it chunk 7.
//!
//! ```text
//! task: idle -> wants c -> holds c -> idle          done
//!          ^      |           |  ^
//!          +------+           +--+ holds c, retry   given back, or taken over from the dead
//!        another was first
//! ```
//!
//! Rounds have numbers that only grow, and a round and chunk are taken from the cursor once: so no
//! word ever returns to a value that a worker saw before it was stopped, and a late step has no effect.

use std::cmp::Ordering::{Equal, Greater, Less};

use shm_core::{ErrorKind, Result};
use shm_presence::Owner;

use crate::atomic::Ordering::SeqCst;
use crate::event::Event;
use crate::liveness::Liveness;
use crate::lock::Lock;
use crate::sleep::Sleep;
use crate::words::{ClaimWords, Entry, Line};

pub(crate) mod bits;

pub(crate) use bits::{Cursor, Plan, Task};

/// A chunk that is held, and the entry that says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) entry: usize,
    pub(crate) chunk: u32,
    /// Whether another worker held it before, and may have written to it.
    pub(crate) is_retry: bool,
}

/// The outcome of a search for a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A chunk, held now.
    Chunk(Claim),
    /// Every chunk of the round is done.
    Done,
    /// Other workers hold the rest.
    Held,
}

/// How far a round is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) round: u32,
    pub(crate) held: u32,
    pub(crate) done: u32,
    pub(crate) chunks: u32,
}

/// The claims of an array, whose axes have these lengths.
pub(crate) struct Claims<'a> {
    pub(crate) words: &'a ClaimWords,
    pub(crate) lines: &'a [Line],
    pub(crate) shape: &'a [usize],
}

impl Claims<'_> {
    /// Begins a round, or joins it if it has begun. Tells whether there is something to do: no round
    /// that is over begins again.
    pub(crate) fn begin(&self, wanted: Plan) -> Result<bool> {
        loop {
            let word = self.words.plan.load(SeqCst);
            let plan = Plan::of(word);
            if plan.round == wanted.round && plan != wanted {
                return Err(invalid(format!(
                    "others divide {plan}, not {wanted}; say the same, or use the next round"
                )));
            }
            if plan.round >= wanted.round {
                self.follow(plan);
                return Ok(plan.round == wanted.round);
            }
            let next = plan.round + 1;
            if wanted.round > next {
                let (wanted, next) = (wanted.number(), i64::from(next) - 1);
                return Err(invalid(format!("round {wanted} cannot begin: the next is {next}")));
            }
            let counts = self.count()?;
            // If another has begun it meanwhile, the count is of that one.
            if counts.round == plan.round && counts.done < counts.chunks {
                return Err(invalid(format!(
                    "round {} cannot begin: {} of {} chunks of round {} are done",
                    wanted.number(),
                    counts.done,
                    counts.chunks,
                    plan.number()
                )));
            }
            // Whether this worker or another has begun it, the next turn of the loop sees.
            let _ = self.words.plan.compare_exchange(word, wanted.word(), SeqCst, SeqCst);
        }
    }

    /// Whether that round can begin, or has begun.
    pub(crate) fn may_begin(&self, wanted: Plan) -> Result<bool> {
        let counts = self.count()?;
        let is_next = counts.round + 1 == wanted.round && counts.done >= counts.chunks;
        Ok(counts.round >= wanted.round || is_next)
    }

    /// Moves the cursor to the first chunk of the plan, if it is still in the round before.
    fn follow(&self, plan: Plan) {
        let word = self.words.cursor.load(SeqCst);
        if Cursor::of(word).round < plan.round {
            let start = Cursor { round: plan.round, next: 0, entry: 0 };
            let _ = self.words.cursor.compare_exchange(word, start.word(), SeqCst, SeqCst);
        }
    }

    /// How far the present round is, or was a moment ago while others work.
    pub(crate) fn count(&self) -> Result<Counts> {
        let plan = Plan::of(self.words.plan.load(SeqCst));
        self.follow(plan);
        let chunks = plan.chunks(self.shape)?;
        let cursor = self.settle()?;
        let held = |line: &&Line| Task::of(line.entry.task.load(SeqCst)).is_held_in(plan.round);
        let held = u32::try_from(self.lines.iter().filter(held).count()).unwrap_or(u32::MAX);
        let begun = match cursor.round.cmp(&plan.round) {
            Less => 0,
            Equal => cursor.next.min(chunks),
            Greater => return Ok(Counts { round: plan.round, held: 0, done: chunks, chunks }),
        };
        Ok(Counts { round: plan.round, held, done: begun.saturating_sub(held), chunks })
    }

    /// Whether every chunk of that round is done. Once it is so, it stays so.
    pub(crate) fn is_over(&self, plan: Plan) -> Result<bool> {
        let counts = self.count()?;
        Ok(counts.round != plan.round || counts.done >= counts.chunks)
    }

    /// For a worker that has done a chunk: if it was the last, this wakes the claimers that wait for
    /// the lock. They may hold a lock that the holder of this one waits for.
    pub(crate) fn tell_if_over(&self, plan: Plan, lock: &Lock<'_>, system: &impl Sleep) {
        // The waiters find corrupt words themselves.
        if lock.words.is_waited_for() && self.is_over(plan).unwrap_or(false) {
            lock.words.wake_all(system);
        }
    }

    /// Takes a chunk of that round, if one can be had at once. The caller holds the lock shared.
    pub(crate) fn find(&self, me: Owner, plan: Plan, system: &impl Liveness) -> Result<Found> {
        let chunks = plan.chunks(self.shape)?;
        let mut cursor = self.settle()?;
        if cursor.round == plan.round
            && cursor.next < chunks
            && let Some(entry) = self.free_entry(me, system)?
        {
            if let Some(claim) = self.take_next(entry, me, plan.round, chunks)? {
                return Ok(Found::Chunk(claim));
            }
            cursor = self.settle()?;
        }
        if cursor.round > plan.round {
            return Ok(Found::Done); // a later round begins only after this one
        }
        match self.take_back(me, cursor, chunks, system)? {
            // There are chunks, but no entry to take one with: all are in use.
            Found::Done if cursor.next < chunks => Ok(Found::Held),
            found => Ok(found),
        }
    }

    /// The chunk is done, and never handed out again in this round.
    pub(crate) fn done(&self, me: Owner, round: u32, claim: Claim, system: &impl Sleep) {
        self.end(me, round, claim, Task::idle(round, claim.chunk), system);
    }

    /// The chunk goes back, to be handed out again.
    pub(crate) fn give_back(&self, me: Owner, round: u32, claim: Claim, system: &impl Sleep) {
        self.end(me, round, claim, Task::holds(round, claim.chunk, true), system);
    }

    fn end(&self, me: Owner, round: u32, claim: Claim, then: Task, system: &impl Sleep) {
        let Ok(entry) = self.entry(claim.entry) else { return };
        let held = Task::holds(round, claim.chunk, claim.is_retry).word();
        if entry.task.compare_exchange(held, then.word(), SeqCst, SeqCst).is_ok() {
            self.release(entry, me);
        }
        self.events().raise(system, 1);
    }

    /// Whether that owner holds a chunk.
    pub(crate) fn holds_any(&self, me: Owner) -> bool {
        self.lines.iter().any(|line| {
            let task = Task::of(line.entry.task.load(SeqCst));
            task.is_held() && line.entry.owner.load(SeqCst) == me.bits()
        })
    }

    /// The event that chunks are done or given back.
    pub(crate) fn events(&self) -> Event<'_> {
        Event(&self.words.events)
    }

    /// Makes the entry that moved the cursor last say that it holds its chunk. Returns the cursor.
    fn settle(&self) -> Result<Cursor> {
        let cursor = Cursor::of(self.words.cursor.load(SeqCst));
        if let Some(chunk) = cursor.next.checked_sub(1) {
            let wants = Task::wants(cursor.round, chunk).word();
            let holds = Task::holds(cursor.round, chunk, false).word();
            let task = &self.entry(cursor.entry)?.task;
            if task.load(SeqCst) == wants {
                let _ = task.compare_exchange(wants, holds, SeqCst, SeqCst);
            }
        }
        let plan = Plan::of(self.words.plan.load(SeqCst));
        if cursor.round > plan.round {
            return Err(corrupt(format!("at round {} of {}", cursor.round, plan.round)));
        }
        Ok(cursor)
    }

    /// Takes the next chunk from the cursor, with an entry that is idle. None if other workers took the
    /// rest; the entry is released then.
    fn take_next(&self, at: usize, me: Owner, round: u32, chunks: u32) -> Result<Option<Claim>> {
        let entry = self.entry(at)?;
        loop {
            let cursor = self.settle()?;
            if cursor.round != round || cursor.next >= chunks {
                self.release(entry, me);
                return Ok(None);
            }
            let chunk = cursor.next;
            entry.task.store(Task::wants(round, chunk).word(), SeqCst);
            let moved = Cursor { round, next: chunk + 1, entry: at };
            let cursor = cursor.word();
            if self.words.cursor.compare_exchange(cursor, moved.word(), SeqCst, SeqCst).is_ok() {
                self.settle()?;
                return Ok(Some(Claim { entry: at, chunk, is_retry: false }));
            }
        }
    }

    /// Takes over a chunk that was given back, or whose holder is dead. Done if none is held: with
    /// a cursor at the end, that is so for good.
    fn take_back(
        &self,
        me: Owner,
        cursor: Cursor,
        chunks: u32,
        system: &impl Liveness,
    ) -> Result<Found> {
        let mut rest = Found::Done;
        for (at, line) in self.lines.iter().enumerate() {
            let entry = &line.entry;
            if !Task::of(entry.task.load(SeqCst)).is_held_in(cursor.round) {
                continue;
            }
            rest = Found::Held;
            if !self.take_over(entry, me, system)? {
                continue;
            }
            // Only this worker changes it now, so it says which chunk is held.
            let word = entry.task.load(SeqCst);
            let task = Task::of(word);
            if !task.is_held_in(cursor.round) {
                self.release(entry, me);
                continue;
            }
            let chunk = task.chunk;
            if chunk >= chunks || self.is_impossible(task) {
                self.release(entry, me);
                return Err(corrupt(format!("chunk {chunk} of {chunks} is held twice or too far")));
            }
            let retry = Task::holds(cursor.round, chunk, true).word();
            let _ = entry.task.compare_exchange(word, retry, SeqCst, SeqCst);
            return Ok(Found::Chunk(Claim { entry: at, chunk, is_retry: true }));
        }
        Ok(rest)
    }

    /// Whether no step of these algorithms leads to this task: other programs may have written the words.
    fn is_impossible(&self, task: Task) -> bool {
        let same = |line: &&Line| {
            let other = Task::of(line.entry.task.load(SeqCst));
            other.is_held_in(task.round) && other.chunk == task.chunk
        };
        let cursor = Cursor::of(self.words.cursor.load(SeqCst));
        let ahead = cursor.round == task.round && task.chunk >= cursor.next;
        ahead || self.lines.iter().filter(same).count() > 1
    }

    /// An entry without a chunk, owned now: the own line's, or the first that can be had.
    fn free_entry(&self, me: Owner, system: &impl Liveness) -> Result<Option<usize>> {
        let own = me.slot() as usize;
        let others = (0..self.lines.len()).filter(|at| *at != own);
        for at in std::iter::once(own).chain(others) {
            let entry = self.entry(at)?;
            if Task::of(entry.task.load(SeqCst)).is_held() || !self.take_over(entry, me, system)? {
                continue;
            }
            // Its last owner may have moved the cursor in its name.
            self.settle()?;
            if !Task::of(entry.task.load(SeqCst)).is_held() {
                return Ok(Some(at));
            }
            self.release(entry, me); // with its chunk, for the next worker
        }
        Ok(None)
    }

    /// Becomes the owner of an entry that has none, or a dead one.
    fn take_over(&self, entry: &Entry, me: Owner, system: &impl Liveness) -> Result<bool> {
        let word = entry.owner.load(SeqCst);
        if let Some(owner) = Owner::in_word(word) {
            if system.is_alive(owner)? {
                return Ok(false);
            }
            tracing::info!(
                slot = owner.slot(),
                generation = owner.generation(),
                "a dead worker's claim"
            );
        }
        Ok(entry.owner.compare_exchange(word, me.bits(), SeqCst, SeqCst).is_ok())
    }

    fn release(&self, entry: &Entry, me: Owner) {
        let _ = entry.owner.compare_exchange(me.bits(), 0, SeqCst, SeqCst);
    }

    fn entry(&self, at: usize) -> Result<&Entry> {
        let line = self.lines.get(at).ok_or_else(|| corrupt(format!("entry {at} is not there")))?;
        Ok(&line.entry)
    }
}

fn corrupt(reason: String) -> shm_core::Error {
    ErrorKind::Corrupt { what: "the claims of a segment", reason }.into()
}

fn invalid(reason: String) -> shm_core::Error {
    ErrorKind::InvalidRound { reason }.into()
}
