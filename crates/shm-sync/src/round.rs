//! A round over an array, chunk by chunk, shared by any number of workers.

use std::fmt;
use std::ops::Range;
use std::time::Instant;

use shm_core::{ErrorKind, Result};
use shm_presence::Owner;

use crate::atomic::Ordering::SeqCst;
use crate::claims::bits::Plan;
use crate::claims::{self, Claims, Counts, Found};
use crate::guard::SharedGuard;
use crate::kernel::Kernel;
use crate::shared::{Shared, SharedWords};
use crate::wait::{Timeout, Wait};
use crate::waiter::Waiter;
use crate::waits_for::WaitsFor;

impl<A: SharedWords> Shared<A> {
    /// Begins or joins round `number`, counted from 0, which divides `axis` into chunks of `rows`
    /// (the last may have fewer). All participants say the same. A round that is over stays over.
    ///
    /// # Errors
    /// [`InvalidRound`](shm_core::ErrorKind::InvalidRound) for an axis that is not there, chunks of
    /// no rows, more than 134 217 727 chunks; if the round is divided in another way already; if
    /// an earlier round is not done; if the array is a ring.
    pub fn round(self, number: u32, axis: usize, rows: usize) -> Result<Round<A>> {
        let plan = Plan::new(number, self.header().layout().shape(), axis, rows)?;
        self.claims().begin(plan)?;
        self.claims().events().raise(self.kernel(), 1); // who waits for the next round looks again
        // The ring looks at the claims after it has begun: one of the two sees the other.
        if self.area().ring.plan.load(SeqCst) != 0 {
            let reason = "the array is a ring: its frames go from stage to stage".into();
            return Err(ErrorKind::InvalidRound { reason }.into());
        }
        Ok(Round { shared: self, plan })
    }

    /// As [`round`](Self::round), once the round may begin: it waits until the rounds before are done.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if the timeout passes;
    /// [`Interrupted`](shm_core::ErrorKind::Interrupted) if the hook gives up; those of
    /// [`round`](Self::round).
    pub fn next_round<'w>(
        self,
        number: u32,
        axis: usize,
        rows: usize,
        wait: impl Into<Wait<'w>>,
    ) -> Result<Round<A>> {
        let plan = Plan::new(number, self.header().layout().shape(), axis, rows)?;
        let claims = self.claims();
        let mut waiter = Waiter::new(wait.into());
        loop {
            let seen = claims.events().count();
            if claims.may_begin(plan)? {
                return self.round(number, axis, rows);
            }
            let slept = claims.events().sleep(self.kernel(), &mut waiter, seen);
            slept.map_err(|stop| {
                self.stopped(stop, || format!("the rounds before round {number} are not done"))
            })?;
        }
    }
}

/// A round over an array.
#[derive(Clone, Copy)]
pub struct Round<A> {
    shared: Shared<A>,
    plan: Plan,
}

/// How far a round is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoundProgress {
    /// Chunks that are done. It may be more by now, never less.
    pub done: u32,
    /// Chunks that a worker holds, and those that were given back or whose holder died.
    pub held: u32,
    /// Chunks of the round.
    pub chunks: u32,
}

impl<A: SharedWords> Shared<A> {
    fn claims(&self) -> Claims<'_> {
        let (words, lines) = (&self.area().claims, self.lines());
        Claims { words, lines, shape: self.header().layout().shape() }
    }
}

impl<A: SharedWords> Round<A> {
    /// Takes the next chunk: a new one, one that was given back, or one of a dead worker. Where other
    /// workers hold all the rest, it waits for these. None if every chunk is done: that needs no lock, so
    /// it waits for no holder of the lock then.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if the timeout passes;
    /// [`Interrupted`](shm_core::ErrorKind::Interrupted) if the hook gives up;
    /// [`Corrupt`](shm_core::ErrorKind::Corrupt) for words that these algorithms cannot have
    /// written; those of [`Shared::exclusive`].
    pub fn claim<'w>(&self, wait: impl Into<Wait<'w>>) -> Result<Option<Claim<A>>>
    where
        A: Clone,
    {
        let kernel = self.shared.kernel();
        let claims = self.shared.claims();
        let mut wait = wait.into();
        let began = matches!(wait.timeout, Timeout::After(_)).then(Instant::now);
        let mut waiter =
            Waiter::since(wait.reborrow(), began).noting(self.shared.lines(), self.shared.me()?);
        loop {
            let seen = claims.events().count();
            let is_over = || claims.is_over(self.plan);
            let Some(lock) = self.shared.clone().claiming(waiter.rest_of_wait(), is_over)? else {
                return Ok(None);
            };
            let me = self.shared.me()?;
            match claims.find(me, self.plan, kernel)? {
                Found::Chunk(claim) => {
                    return Ok(Some(Claim { plan: self.plan, me, claim, ended: false, lock }));
                }
                Found::Done => return Ok(None),
                Found::Held => drop(lock),
            }
            waiter.note(WaitsFor::Chunks, None);
            let slept = claims.events().sleep(kernel, &mut waiter, seen);
            slept.map_err(|stop| {
                self.shared.stopped(stop, || "others hold the last chunks".into())
            })?;
        }
    }

    /// How far the round is. Other workers go on meanwhile.
    ///
    /// # Errors
    /// [`Corrupt`](shm_core::ErrorKind::Corrupt).
    pub fn progress(&self) -> Result<RoundProgress> {
        let Counts { round, held, done, chunks } = self.shared.claims().count()?;
        if round == self.plan.round {
            return Ok(RoundProgress { done, held, chunks });
        }
        let chunks = self.plan.chunks(self.shared.header().layout().shape())?;
        Ok(RoundProgress { done: chunks, held: 0, chunks })
    }

    /// Waits until more than `seen` chunks are done, or all are, and tells how far the round is.
    ///
    /// # Errors
    /// [`TimedOut`](shm_core::ErrorKind::TimedOut) if the timeout passes;
    /// [`Interrupted`](shm_core::ErrorKind::Interrupted) if the hook gives up; those of
    /// [`progress`](Self::progress).
    pub fn wait_past<'w>(&self, seen: u32, wait: impl Into<Wait<'w>>) -> Result<RoundProgress> {
        let claims = self.shared.claims();
        let mut waiter = Waiter::new(wait.into());
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
/// While it is held no other thread reads or writes the array as a whole, or has this chunk. A forked
/// child does not hold the chunks of its parent: dropping its copy does nothing.
#[must_use = "a chunk that is dropped is handed out again"]
pub struct Claim<A: SharedWords> {
    plan: Plan,
    me: Owner,
    claim: claims::Claim,
    ended: bool,
    // Dropped last: while the entry says that a chunk is held, the lock is shared.
    lock: SharedGuard<A>,
}

impl<A: SharedWords> Claim<A> {
    /// Its number in the round.
    pub fn index(&self) -> u32 {
        self.claim.chunk
    }

    /// Its rows along the axis that is divided.
    pub fn rows(&self) -> Range<usize> {
        self.plan.range(self.shared().header().layout().shape(), self.claim.chunk)
    }

    /// Whether another worker held it before and did not finish: its elements are anything between
    /// untouched and done.
    pub fn is_retry(&self) -> bool {
        self.claim.is_retry
    }

    /// The chunk is done: it is never handed out again in this round.
    pub fn done(mut self) {
        if let Some(me) = self.end() {
            let (shared, plan) = (self.shared(), self.plan);
            let claims = shared.claims();
            claims.done(me, plan.round, self.claim, &Kernel);
            claims.tell_if_over(plan, &shared.lock(), &Kernel);
        }
    }

    fn shared(&self) -> &Shared<A> {
        self.lock.shared()
    }

    /// Marks it ended, and gives its owner; none if it was ended, or is a forked child's copy.
    fn end(&mut self) -> Option<Owner> {
        let ended = std::mem::replace(&mut self.ended, true);
        (!ended && self.shared().is_mine(self.me)).then_some(self.me)
    }
}

impl<A: SharedWords> Drop for Claim<A> {
    fn drop(&mut self) {
        if let Some(me) = self.end() {
            self.shared().claims().give_back(me, self.plan.round, self.claim, &Kernel);
        }
    }
}

impl<A> fmt::Debug for Round<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Round({:?})", self.plan)
    }
}

impl<A: SharedWords> fmt::Debug for Claim<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("chunk", &self.claim).field("holder", &self.me).finish()
    }
}
