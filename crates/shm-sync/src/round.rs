//! A round over an array, chunk by chunk, shared by any number of workers.

use std::fmt;
use std::ops::Range;
use std::time::{Duration, Instant};

use shm_core::Result;
use shm_presence::Owner;

use crate::claims::{self, Claims, Counts, Found, Plan};
use crate::guard::SharedGuard;
use crate::system::{Timeout, Waiter};
use crate::{Attachment, Shared};

impl<'a, A: Attachment> Shared<'a, A> {
    /// Begins or joins round `number`, counted from 0, which divides `axis` into chunks of `rows`
    /// (the last may have fewer). All who take part say the same. A round that is over stays over.
    ///
    /// # Errors
    /// [`InvalidRound`](shm_core::ErrorKind::InvalidRound) for an axis that is not there, chunks of
    /// no rows, more than 1 073 741 823 chunks; if the round is divided in another way already; if
    /// an earlier round is not done.
    pub fn round(self, number: u32, axis: usize, rows: usize) -> Result<Round<'a, A>> {
        let plan = Plan::new(number, self.header().layout().shape(), axis, rows)?;
        let round = Round { shared: self, plan };
        round.claims().begin(plan)?;
        Ok(round)
    }
}

/// A round over an array.
pub struct Round<'a, A> {
    shared: Shared<'a, A>,
    plan: Plan,
}

impl<A> Clone for Round<'_, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A> Copy for Round<'_, A> {}

/// How far a round is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoundProgress {
    /// Chunks that are done. It may be more by now, never less.
    pub done: u32,
    /// Chunks that somebody holds, and those that were given back or whose holder died.
    pub held: u32,
    /// Chunks of the round.
    pub chunks: u32,
}

impl<'a, A: Attachment> Round<'a, A> {
    fn claims(&self) -> Claims<'a> {
        Claims {
            words: &self.shared.area().claims,
            lines: self.shared.lines(),
            shape: self.shared.header().layout().shape(),
        }
    }

    /// Takes the next chunk: one that nobody has had, or one that was given back, or that a dead
    /// worker held. Where all are held by others it waits for these. None if every chunk is done: that
    /// needs no lock, so nobody who has the lock is waited for then.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if the limit passes;
    /// [`Corrupt`](shm_core::ErrorKind::Corrupt) for words that nobody can have written by these
    /// rules; those of [`Shared::exclusive`].
    pub fn claim(&self, limit: Timeout) -> Result<Option<Claim<'a, A>>> {
        let kernel = self.shared.kernel();
        let claims = self.claims();
        let began = matches!(limit, Timeout::After(_)).then(Instant::now);
        let mut waiter = Waiter::since(limit, began);
        loop {
            let seen = claims.events().count();
            let rest = limit.less(began.map_or(Duration::ZERO, |began| began.elapsed()));
            let Some(lock) = self.shared.claiming(rest, || claims.is_over(self.plan))? else {
                return Ok(None);
            };
            let me = self.shared.me()?;
            match claims.find(me, self.plan, kernel)? {
                Found::Chunk(claim) => {
                    let (round, ended) = (*self, false);
                    return Ok(Some(Claim { round, me, claim, ended, _lock: lock }));
                }
                Found::Done => return Ok(None),
                Found::Held => drop(lock),
            }
            let slept = claims.events().sleep(kernel, &mut waiter, seen);
            slept.map_err(|stop| {
                self.shared.stopped(stop, || "others hold the last chunks".into())
            })?;
        }
    }

    /// How far it is. Others go on meanwhile.
    ///
    /// # Errors
    /// [`Corrupt`](shm_core::ErrorKind::Corrupt).
    pub fn progress(&self) -> Result<RoundProgress> {
        let Counts { round, held, done, chunks } = self.claims().count()?;
        if round == self.plan.round {
            return Ok(RoundProgress { done, held, chunks });
        }
        let chunks = self.plan.chunks(self.shared.header().layout().shape())?;
        Ok(RoundProgress { done: chunks, held: 0, chunks })
    }

    /// Waits until more than `seen` chunks are done, or all are, and tells how far it is.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if the limit passes; those of
    /// [`progress`](Self::progress).
    pub fn wait_past(&self, seen: u32, limit: Timeout) -> Result<RoundProgress> {
        let claims = self.claims();
        let mut waiter = Waiter::new(limit);
        loop {
            let events = claims.events().count();
            let progress = self.progress()?;
            if progress.done > seen || progress.done >= progress.chunks {
                return Ok(progress);
            }
            let slept = claims.events().sleep(self.shared.kernel(), &mut waiter, events);
            slept.map_err(|stop| self.shared.stopped(stop, || "no chunk was done".into()))?;
        }
    }
}

/// A chunk, held until it is [`done`](Self::done) or dropped, which gives it back.
///
/// While it is held nobody reads or writes the array as a whole, and nobody else has this chunk.
/// A forked child does not hold what its parent does: dropping its copy does nothing.
#[must_use = "a chunk that is dropped is handed out again"]
pub struct Claim<'a, A: Attachment> {
    round: Round<'a, A>,
    me: Owner,
    claim: claims::Claim,
    ended: bool,
    // Given up last: while the entry says that a chunk is held, the lock is shared.
    _lock: SharedGuard<'a, A>,
}

impl<A: Attachment> Claim<'_, A> {
    /// Its number in the round.
    pub fn index(&self) -> u32 {
        self.claim.chunk
    }

    /// Its rows along the axis that is divided.
    pub fn rows(&self) -> Range<usize> {
        self.round.plan.range(self.round.shared.header().layout().shape(), self.claim.chunk)
    }

    /// Whether somebody held it before and did not finish: what is in it is anything between
    /// untouched and done.
    pub fn is_retry(&self) -> bool {
        self.claim.again
    }

    /// The chunk is done: it is never handed out again in this round.
    pub fn done(mut self) {
        if let Some(me) = self.end() {
            let Round { shared, plan } = self.round;
            let claims = self.round.claims();
            claims.done(me, plan.round, self.claim, shared.kernel());
            claims.tell_if_over(plan, &shared.lock(), shared.kernel());
        }
    }

    /// Who ends it, unless that has happened, or this is a forked child's copy.
    fn end(&mut self) -> Option<Owner> {
        let ended = std::mem::replace(&mut self.ended, true);
        (!ended && self.round.shared.is_mine(self.me)).then_some(self.me)
    }
}

impl<A: Attachment> Drop for Claim<'_, A> {
    fn drop(&mut self) {
        if let Some(me) = self.end() {
            let (claims, kernel) = (self.round.claims(), self.round.shared.kernel());
            claims.give_back(me, self.round.plan.round, self.claim, kernel);
        }
    }
}

impl<A> fmt::Debug for Round<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Round({:?})", self.plan)
    }
}

impl<A: Attachment> fmt::Debug for Claim<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("chunk", &self.claim).field("holder", &self.me).finish()
    }
}
