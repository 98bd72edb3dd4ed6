//! A ring of frames: items go through them from stage to stage, each frame held by one at a time.
//!
//! The first axis of an array is its frames. Item `n` is in frame `n % frames`, in lap `n / frames`. A
//! frame is ready for a stage or held at it; it is *free* when it is ready for stage 0, where it is
//! filled. From the last stage it comes back to stage 0, one lap later.
//!
//! ```text
//! ready for s, lap l --take--> held at s, lap l --finish--> ready for s + 1, lap l
//!         ^                          |                      (after the last: for 0, lap l + 1)
//!         +---- given back, or its holder died: retry ----+
//! ```
//!
//! One word per frame says all that: each arrow is one compare-and-swap of it, and no death leaves
//! anything half done. The other words follow from these: `next` is the number of the next item to be
//! begun, `collected` of the next one to be collected in order. Whoever finds one of them behind the
//! frames moves it on.
//!
//! For example: A takes frame 3 at stage 1, and dies. B waits for a frame, and asks at its next tick
//! who lives. It makes the frame ready for stage 1 again, and takes it.
//!
//! A state has 16 bits of the lap. So a thread that stops between its look and its
//! compare-and-swap may find the word that it saw only if exactly a multiple of 65 536 laps have gone by;
//! it then holds the frame of a later item, which is ready for the same stage.

use shm_core::{ErrorKind, Result};
use shm_presence::Owner;

use crate::atomic::{Ordering::SeqCst, store_before_load};
use crate::event::Event;
use crate::liveness::{Liveness, System};
use crate::sleep::Sleep;
use crate::words::{Line, RingWords, low_half};

pub(crate) mod bits;

pub(crate) use bits::{Plan, State};

/// No item is begun any more: a bit of `next`, beside the number.
const CLOSED: u64 = 1;

/// A frame that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) frame: usize,
    /// The item's number.
    pub(crate) number: u64,
    pub(crate) state: State,
}

/// The outcome of a search for a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A frame, held now.
    Frame(Held),
    /// No frame will ever come to that stage again.
    Ended,
    /// The item of that number was begun, never filled, and never will be.
    Lost(u64),
    /// None can be had until somebody works at that stage.
    Blocked(u32),
}

/// The frames of a ring.
pub(crate) struct Frames<'a> {
    pub(crate) words: &'a RingWords,
    pub(crate) lines: &'a [Line],
    pub(crate) plan: Plan,
}

/// Whether that owner holds a frame.
pub(crate) fn holds_any(words: &RingWords, me: Owner) -> bool {
    words.frames.iter().any(|word| Owner::in_word(word.load(SeqCst)) == Some(me))
}

impl Frames<'_> {
    /// Takes the next free frame, in the order of items; one that was given back goes first.
    pub(crate) fn produce(&self, me: Owner) -> Result<Found> {
        loop {
            let (next, closed) = self.next();
            if closed {
                return Ok(Found::Ended);
            }
            if let Some(found) = self.oldest_ready(0, next)? {
                match self.take(found, me) {
                    Some(held) => return Ok(Found::Frame(held)),
                    None => continue,
                }
            }
            let frame = self.plan.frame(next);
            let state = self.state(frame)?;
            match state.lap.wrapping_sub(self.plan.lap(next)).cast_signed() {
                0 if state.stage == 0 && state.owner.is_none() => {
                    let Some(held) = self.take(Held { frame, number: next, state }, me) else {
                        continue;
                    };
                    if self.begin(held) {
                        return Ok(Found::Frame(held));
                    }
                    self.change(held, state);
                }
                0 | 1 => {
                    self.move_next(next);
                }
                -1 => return Ok(Found::Blocked(state.stage)),
                _ if self.next() == (next, closed) => return Err(self.corrupt(frame, state)),
                _ => {}
            }
        }
    }

    /// Counts the item that is in a frame which was just taken; false if the ring was closed before.
    fn begin(&self, held: Held) -> bool {
        self.move_next(held.number) || self.next().0 > held.number
    }

    fn move_next(&self, from: u64) -> bool {
        let (word, moved) = (from << 1, (from + 1) << 1);
        self.words.next.compare_exchange(word, moved, SeqCst, SeqCst).is_ok()
    }

    /// Takes the oldest frame that is ready for that stage, which is not the first.
    pub(crate) fn claim(&self, me: Owner, stage: u32) -> Result<Found> {
        loop {
            let (next, closed) = self.next();
            if let Some(found) = self.oldest_ready(stage, next)? {
                match self.take(found, me) {
                    Some(held) => return Ok(Found::Frame(held)),
                    None => continue,
                }
            }
            let is_pending = |held: &Held| {
                let State { stage: at, owner, .. } = held.state;
                at <= stage && !(closed && at == 0 && owner.is_none())
            };
            return Ok(match self.oldest(next, is_pending)? {
                Some(held) => Found::Blocked(held.state.stage),
                None if closed => Found::Ended,
                None => Found::Blocked(0),
            });
        }
    }

    /// Takes the next frame in the order of items, once it is ready for the last stage.
    pub(crate) fn collect(&self, me: Owner, system: &impl Sleep) -> Result<Found> {
        loop {
            let ((next, closed), number) = (self.next(), self.words.collected.load(SeqCst));
            let frame = self.plan.frame(number);
            let state = self.state(frame)?;
            let found = Held { frame, number, state };
            match state.lap.wrapping_sub(self.plan.lap(number)).cast_signed() {
                1 => {
                    let moved = number.wrapping_add(1);
                    let _ = self.words.collected.compare_exchange(number, moved, SeqCst, SeqCst);
                }
                0 if closed && number >= next => return Ok(Found::Ended),
                0 if state.owner.is_some() => return Ok(Found::Blocked(state.stage)),
                0 if state.stage == self.plan.last_stage() => {
                    if let Some(held) = self.take(found, me) {
                        return Ok(Found::Frame(held));
                    }
                }
                0 if state.stage == 0 && closed => {
                    let free = State { lap: state.lap.wrapping_add(1), is_retry: false, ..state };
                    if self.change(found, free) {
                        self.raise_all(system);
                        return Ok(Found::Lost(number));
                    }
                }
                0 => return Ok(Found::Blocked(state.stage)),
                _ if self.words.collected.load(SeqCst) == number => {
                    return Err(self.corrupt(frame, state));
                }
                _ => {}
            }
        }
    }

    /// The work at this stage is done: the frame is ready for the next one.
    pub(crate) fn finish(&self, held: Held, system: &impl Sleep) {
        let passed_on = held.state.passed_on(self.plan);
        self.change(held, passed_on);
        self.raise(passed_on.stage, system);
        if held.state.stage == self.plan.last_stage() {
            self.raise(held.state.stage, system); // the one after it may be ready already
        }
        store_before_load();
        if self.next().1 {
            self.raise_all(system); // it may have been the last of a stage
        }
    }

    /// The frame goes back, to be taken at the same stage again.
    pub(crate) fn give_back(&self, held: Held, system: &impl Sleep) {
        self.change(held, held.state.given_back());
        self.raise(held.state.stage, system);
        store_before_load();
        if self.next().1 {
            self.raise_all(system); // it may be lost
        }
    }

    /// Begins no items any more.
    pub(crate) fn close(&self, system: &impl Sleep) {
        self.words.next.fetch_or(CLOSED, SeqCst);
        self.raise_all(system);
    }

    /// Gives back what the dead hold. Tells whether there was anything.
    pub(crate) fn recover(&self, system: &impl System) -> Result<bool> {
        let mut found = false;
        for frame in 0..self.plan.frames {
            let state = self.state(frame)?;
            let Some(owner) = state.owner else { continue };
            if system.is_alive(owner)? {
                continue;
            }
            let (slot, generation, stage) = (owner.slot(), owner.generation(), state.stage);
            tracing::info!(slot, generation, frame, stage, "a dead process's frame");
            self.give_back(Held { frame, number: 0, state }, system);
            found = true;
        }
        Ok(found)
    }

    /// Notes that this process works at that stage.
    pub(crate) fn join(&self, me: Owner, stage: u32) {
        let (bit, generation) = (1 << stage, u64::from(me.generation()) << 32);
        if let Some(line) = self.lines.get(me.slot() as usize) {
            let mut word = line.ring.load(SeqCst);
            while word >> 32 != generation >> 32 || word & bit == 0 {
                let stages = if word >> 32 == generation >> 32 { word } else { generation };
                let joined = line.ring.compare_exchange(word, stages | bit, SeqCst, SeqCst);
                word = joined.map_or_else(|other| other, |_| stages | bit);
            }
        }
        if self.words.came.load(SeqCst) & bit == 0 {
            self.words.came.fetch_or(bit, SeqCst);
        }
    }

    /// Whether processes have worked at that stage, and none of them is left.
    pub(crate) fn is_deserted(&self, stage: u32, system: &impl Liveness) -> Result<bool> {
        let bit = 1 << stage;
        if self.words.came.load(SeqCst) & bit == 0 {
            return Ok(false);
        }
        for (slot, line) in (0..).zip(self.lines) {
            let word = line.ring.load(SeqCst);
            if word & bit != 0 && system.is_alive(Owner::new(slot, low_half(word >> 32)))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The event that frames are ready for that stage, or that none will be.
    pub(crate) fn event(&self, stage: u32) -> Option<Event<'_>> {
        self.words.events.get(stage as usize).map(Event)
    }

    /// The number of the next item, and whether the ring is closed.
    pub(crate) fn next(&self) -> (u64, bool) {
        let word = self.words.next.load(SeqCst);
        (word >> 1, word & CLOSED != 0)
    }

    fn oldest_ready(&self, stage: u32, next: u64) -> Result<Option<Held>> {
        self.oldest(next, |held| held.state.stage == stage && held.state.owner.is_none())
    }

    /// Of the items before `next`, the oldest whose frame is such a one.
    fn oldest(&self, next: u64, is_such: impl Fn(&Held) -> bool) -> Result<Option<Held>> {
        let mut oldest: Option<Held> = None;
        for frame in 0..self.plan.frames {
            let state = self.state(frame)?;
            let held = Held { frame, number: self.plan.number(frame, state.lap, next), state };
            let is_older = oldest.is_none_or(|oldest| held.number < oldest.number);
            if held.number < next && is_older && is_such(&held) {
                oldest = Some(held);
            }
        }
        Ok(oldest)
    }

    fn take(&self, found: Held, me: Owner) -> Option<Held> {
        let state = State { owner: Some(me), ..found.state };
        self.change(found, state).then_some(Held { state, ..found })
    }

    fn change(&self, from: Held, to: State) -> bool {
        let Some(word) = self.words.frames.get(from.frame) else { return false };
        word.compare_exchange(from.state.word(), to.word(), SeqCst, SeqCst).is_ok()
    }

    fn state(&self, frame: usize) -> Result<State> {
        let word = self.words.frames.get(frame).map_or(0, |word| word.load(SeqCst));
        let state = State::of(word);
        if state.stage > self.plan.last_stage() || state.word() != word {
            return Err(self.corrupt(frame, state));
        }
        Ok(state)
    }

    fn raise(&self, stage: u32, system: &impl Sleep) {
        if let Some(event) = self.event(stage) {
            event.raise(system, 1);
        }
    }

    fn raise_all(&self, system: &impl Sleep) {
        for stage in 0..self.plan.stages {
            self.raise(stage, system);
        }
    }

    #[cold]
    fn corrupt(&self, frame: usize, state: State) -> shm_core::Error {
        let (next, _) = self.next();
        let reason = format!("frame {frame} of {:?} is {state:?} before item {next}", self.plan);
        ErrorKind::Corrupt { what: "the ring of a segment", reason }.into()
    }
}
