//! A ring of frames, and a frame that is held.

use std::fmt;

use shm_core::{ErrorKind, Result};
use shm_presence::Owner;

use crate::atomic::Ordering::SeqCst;
use crate::guard::SharedGuard;
use crate::kernel::Kernel;
use crate::ring::bits::Plan;
use crate::ring::{Found, Frames, Held};
use crate::shared::{Shared, SharedWords};
use crate::wait::Wait;
use crate::waiter::Waiter;
use crate::words::{MAX_FRAMES, MAX_STAGES};

impl<A: SharedWords> Shared<A> {
    /// Makes the first axis of the array a ring of frames, through which items go in so many stages;
    /// or joins the ring. All participants say the same.
    ///
    /// # Errors
    /// [`InvalidRing`](ErrorKind::InvalidRing) for no frames or more than 48, less than 2 stages or
    /// more than 8; if others say another number of stages; if the array is shared out in chunks.
    pub fn ring(self, stages: u32) -> Result<Ring<A>> {
        let invalid = |reason| {
            let name = self.header().name().to_string();
            shm_core::Error::from(ErrorKind::InvalidRing { name, reason })
        };
        let frames = self.header().layout().shape().first().copied().unwrap_or(0);
        let Some(plan) = Plan::new(frames, stages) else {
            return Err(invalid(format!(
                "{frames} frames and {stages} stages; there can be 1 to {MAX_FRAMES} and 2 to {MAX_STAGES}"
            )));
        };
        let is_in_chunks = || self.area().claims.plan.load(SeqCst) != 0;
        let chunks = || Err(invalid("the array is shared out in chunks".into()));
        if is_in_chunks() {
            return chunks();
        }
        let begun = self.area().ring.plan.compare_exchange(0, plan.word(), SeqCst, SeqCst);
        if let Err(word) = begun
            && word != plan.word()
        {
            let (frames, stages) = Plan::parts(word);
            return Err(invalid(format!(
                "others have {frames} frames and {stages} stages, not {} and {}",
                plan.frames, plan.stages
            )));
        }
        // A round looks at the ring after it has begun: one of the two sees the other.
        if is_in_chunks() {
            return chunks();
        }
        Ok(Ring { shared: self, plan })
    }
}

/// A ring of frames.
#[derive(Clone, Copy)]
pub struct Ring<A> {
    shared: Shared<A>,
    plan: Plan,
}

impl<A: SharedWords + Clone> Ring<A> {
    /// Takes a free frame for the next item. None once the ring is [closed](Self::close).
    ///
    /// # Errors
    /// [`TimedOut`](ErrorKind::TimedOut) if the timeout passes;
    /// [`Interrupted`](ErrorKind::Interrupted) if the hook gives up;
    /// [`NobodyLeft`](ErrorKind::NobodyLeft) if a stage must go on for that, and all who worked at it
    /// have died or left; [`Corrupt`](ErrorKind::Corrupt) for words that these algorithms cannot
    /// have written; those of [`Shared::exclusive`].
    pub fn produce<'w>(&self, wait: impl Into<Wait<'w>>) -> Result<Option<Frame<A>>> {
        #[allow(clippy::redundant_closure_for_method_calls)] // the method is of one lifetime only
        self.take(0, wait.into(), |frames, me| frames.produce(me))
    }

    /// Takes the oldest frame that is ready for that stage. None once no frame will ever come to it.
    ///
    /// # Errors
    /// [`InvalidRing`](ErrorKind::InvalidRing) for stage 0, or one that is not there; those of
    /// [`produce`](Self::produce).
    pub fn claim<'w>(&self, stage: u32, wait: impl Into<Wait<'w>>) -> Result<Option<Frame<A>>> {
        if stage == 0 || stage > self.plan.last_stage() {
            let last = self.plan.last_stage();
            let reason = format!("no frame is claimed at stage {stage}; there are 1 to {last}");
            let name = self.shared.header().name().to_string();
            return Err(ErrorKind::InvalidRing { name, reason }.into());
        }
        self.take(stage, wait.into(), |frames, me| frames.claim(me, stage))
    }

    /// Takes the frame of the next item, in the order in which they were begun, once it is ready for
    /// the last stage. None once all have been collected.
    ///
    /// # Errors
    /// [`NobodyLeft`](ErrorKind::NobodyLeft) also for an item that was begun and not filled when the
    /// ring was closed; the next call goes on after it. Those of [`produce`](Self::produce).
    pub fn collect<'w>(&self, wait: impl Into<Wait<'w>>) -> Result<Option<Frame<A>>> {
        let last = self.plan.last_stage();
        self.take(last, wait.into(), |frames, me| frames.collect(me, self.shared.kernel()))
    }

    fn take(
        &self,
        stage: u32,
        wait: Wait<'_>,
        find: impl Fn(&Frames<'_>, Owner) -> Result<Found>,
    ) -> Result<Option<Frame<A>>> {
        let (kernel, frames) = (self.shared.kernel(), self.frames());
        let Some(event) = frames.event(stage) else { return Ok(None) };
        frames.join(self.shared.me()?, stage);
        let mut waiter = Waiter::since(wait, Some(std::time::Instant::now()));
        // The stage that nobody worked at any more: an answer for the next look, and no other.
        let mut deserted = None;
        loop {
            let seen = event.count();
            let Some(lock) = self.shared.clone().claiming(waiter.rest_of_wait(), || Ok(false))?
            else {
                return Ok(None);
            };
            let me = self.shared.me()?;
            let blocked = match find(&frames, me)? {
                Found::Frame(held) => {
                    return Ok(Some(Frame { plan: self.plan, me, held, ended: false, lock }));
                }
                Found::Ended => return Ok(None),
                Found::Lost(number) => {
                    return Err(self.nobody_left(format!("nobody has filled item {number}")));
                }
                Found::Blocked(at) => at,
            };
            drop(lock);
            if deserted.take() == Some(blocked) {
                let reason = "is left of those who worked there";
                return Err(
                    self.nobody_left(format!("stage {blocked} must go on, and nobody {reason}"))
                );
            }
            while event.count() == seen && waiter.spins() {}
            let slept = event.sleep(kernel, &mut waiter, seen);
            let asks = slept.map_err(|stop| {
                self.shared.stopped(stop, || {
                    format!("no frame came to stage {stage}; stage {blocked} must go on first")
                })
            })?;
            if asks {
                let recovered = frames.recover(kernel)?;
                let is_deserted = !recovered && frames.is_deserted(blocked, kernel)?;
                deserted = is_deserted.then_some(blocked);
            }
        }
    }

    fn nobody_left(&self, reason: String) -> shm_core::Error {
        ErrorKind::NobodyLeft { name: self.shared.header().name().to_string(), reason }.into()
    }
}

impl<A: SharedWords> Ring<A> {
    /// Says that no more items are begun; those that were begun go on through the stages.
    pub fn close(&self) {
        self.frames().close(self.shared.kernel());
    }

    /// How many items have been begun.
    pub fn begun(&self) -> u64 {
        self.frames().next().0
    }

    /// How many stages there are.
    pub fn stages(&self) -> u32 {
        self.plan.stages
    }

    /// How many frames there are.
    pub fn frame_count(&self) -> usize {
        self.plan.frames
    }

    fn frames(&self) -> Frames<'_> {
        frames(&self.shared, self.plan)
    }
}

fn frames<A: SharedWords>(shared: &Shared<A>, plan: Plan) -> Frames<'_> {
    Frames { words: &shared.area().ring, lines: shared.lines(), plan }
}

/// A frame, held until it is [`done`](Self::done) or dropped, which gives it back.
///
/// While it is held nobody else has this frame, and no other thread reads or writes the array as a
/// whole. A forked child does not hold the frames of its parent: dropping its copy does nothing.
#[must_use = "a frame that is dropped is handed out again"]
pub struct Frame<A: SharedWords> {
    plan: Plan,
    me: Owner,
    held: Held,
    ended: bool,
    // Dropped last: while a frame is held, the lock is shared.
    lock: SharedGuard<A>,
}

impl<A: SharedWords> Frame<A> {
    /// Where it is along the first axis of the array.
    pub fn index(&self) -> usize {
        self.held.frame
    }

    /// The number of the item in it, counted from 0.
    pub fn number(&self) -> u64 {
        self.held.number
    }

    /// Whether another held it at this stage before and did not finish: its elements are anything
    /// between untouched and done.
    pub fn is_retry(&self) -> bool {
        self.held.state.is_retry
    }

    /// The work at this stage is done: the frame goes on to the next one.
    pub fn done(mut self) {
        if self.end() {
            frames(self.lock.shared(), self.plan).finish(self.held, &Kernel);
        }
    }

    /// Marks it ended; tells whether this process held it until then.
    fn end(&mut self) -> bool {
        let ended = std::mem::replace(&mut self.ended, true);
        !ended && self.lock.shared().is_mine(self.me)
    }
}

impl<A: SharedWords> Drop for Frame<A> {
    fn drop(&mut self) {
        if self.end() {
            frames(self.lock.shared(), self.plan).give_back(self.held, &Kernel);
        }
    }
}

impl<A> fmt::Debug for Ring<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({:?})", self.plan)
    }
}

impl<A: SharedWords> fmt::Debug for Frame<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame").field("frame", &self.held).field("holder", &self.me).finish()
    }
}
