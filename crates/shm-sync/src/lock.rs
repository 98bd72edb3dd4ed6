//! The lock: one exclusive holder, or any number of sharers of one class.
//!
//! A writer puts itself into the word. A sharer marks the line of its own slot, so that sharers do not
//! slow each other, and loads the word afterwards. A writer loads the marks after it has changed the
//! word. So at least one of the two sees the other. A writer loads the marks only if [`MARKED`] in the
//! word says that there may be some.
//!
//! The two classes of sharers, readers and claimers, exclude each other. The word names the class whose
//! turn it is, and only an exclusive holder changes the turn.
//!
//! | a sharer | a writer |
//! |---|---|
//! | marks its line | puts itself into the word |
//! | sets [`MARKED`] in the word, if it is not set | finds it clear: it holds the lock |
//! | finds that the word was free, and of its class: it shares | clears it and loads all lines: without a mark it holds the lock; otherwise it sets [`MARKED`] again |
//!
//! Both change one word before they look, so one of them comes first there.
//!
//! A waiter finds that the holder is dead, and takes it out of the word with one compare-and-swap. If
//! the dead holder may have been writing, [`POISONED`] stays until an exclusive holder clears it. A
//! holder that died before it had looked for sharers counts as one that may have been writing.

pub(crate) mod word;

use shm_core::{ErrorKind, Result};
use shm_presence::Owner;

use self::word::{CLAIMS, Granted, INTENT, MARKED, POISONED, READERS_WAIT, STATE, WRITERS_WAIT};
use crate::atomic::{Ordering::SeqCst, store_before_load};
use crate::liveness::System;
use crate::sleep::{Sleep, Whom};
use crate::wait::Wait;
use crate::waiter::{Stop, Waiter};
use crate::waits_for::WaitsFor;
use crate::words::{Line, LockWords, low_half};

/// The most shared locks that one slot can hold at a time.
const MAX_MARKS: u32 = u32::MAX / 2;

/// The two kinds of sharers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// They only read.
    Readers,
    /// Each writes elements of its own.
    Claimers,
}

impl Class {
    fn bit(self) -> u64 {
        match self {
            Self::Readers => 0,
            Self::Claimers => CLAIMS,
        }
    }
}

/// The lock of an array. Calls on cold paths take it by value, so that it stays in registers on the
/// hot ones.
#[derive(Clone, Copy)]
pub(crate) struct Lock<'a> {
    pub(crate) words: &'a LockWords,
    pub(crate) lines: &'a [Line],
}

impl Lock<'_> {
    /// Fast path: acquires exclusively with one compare-and-swap. Fails without side effects if the lock is
    /// contended, poisoned or marked by sharers; then it is for [`wait_exclusive`](Self::wait_exclusive).
    #[inline(always)]
    pub(crate) fn try_exclusive(&self, me: Owner) -> Option<Granted> {
        let entered = self.words.word.compare_exchange(0, me.bits(), SeqCst, SeqCst);
        entered.ok().map(|_| Granted { state: 0 })
    }

    /// As [`try_exclusive`](Self::try_exclusive), after a load: a lock that is poisoned, or of the claimers'
    /// turn, may be free as well.
    #[inline]
    fn try_exclusive_after_load(&self, me: Owner) -> Option<Granted> {
        let state = self.words.word.load(SeqCst);
        if state & !STATE != 0 {
            return None;
        }
        let entered = self.words.word.compare_exchange(state, state | me.bits(), SeqCst, SeqCst);
        entered.ok().map(|_| Granted { state })
    }

    /// Fast path: releases with one compare-and-swap. Fails without side effects if a waiter sleeps, a
    /// sharer has come or the poison has changed; then it is for
    /// [`unlock_and_wake`](LockWords::unlock_and_wake).
    #[inline]
    pub(crate) fn try_unlock(&self, me: Owner, granted: Granted) -> bool {
        let (mine, free) = (granted.state | me.bits(), granted.state);
        self.words.word.compare_exchange(mine, free, SeqCst, SeqCst).is_ok()
    }

    /// Both steps, as `guard.rs` does them.
    #[cfg(loom)]
    pub(crate) fn lock_exclusive<'w>(
        self,
        me: Owner,
        system: &impl System,
        wait: impl Into<Wait<'w>>,
    ) -> Result<Granted, Stop> {
        match self.try_exclusive(me) {
            Some(granted) => Ok(granted),
            None => self.wait_exclusive(me, system, wait.into()),
        }
    }

    /// Acquires exclusively, and waits for that as long as `wait` says.
    #[cold]
    pub(crate) fn wait_exclusive(
        self,
        me: Owner,
        system: &impl System,
        mut wait: Wait<'_>,
    ) -> Result<Granted, Stop> {
        if let Some(granted) = self.try_exclusive_after_load(me) {
            return Ok(granted);
        }
        let mut waiter = Waiter::new(wait.reborrow()).noting(self.lines, me);
        let state = self.enter(me, system, &mut waiter, 0)?;
        match self.drain(system, &mut waiter) {
            Ok(looked) => {
                if looked {
                    self.words.word.fetch_and(!INTENT, SeqCst);
                }
                Ok(Granted { state })
            }
            Err(stop) => {
                self.unlock(me, system, Granted { state });
                Err(stop)
            }
        }
    }

    /// Shares with others of that class.
    ///
    /// `is_inside` tells whether another thread of this process shares for certain. Then no writer holds
    /// the lock, and one that waits for it lets this thread in too. So a process that holds one chunk
    /// can have another. `is_needless` tells whether there is nothing left to share the lock for, which
    /// stops the wait: a waiter for a turn keeps others out, for whom it may have to let go elsewhere.
    #[inline]
    pub(crate) fn lock_shared<'w>(
        &self,
        me: Owner,
        class: Class,
        system: &impl System,
        wait: impl Into<Wait<'w>>,
        is_inside: impl Fn() -> bool,
        is_needless: impl Fn() -> Result<bool>,
    ) -> Result<Granted, Stop> {
        let word = self.mark(me)?;
        if Owner::in_word(word).is_none() && word & CLAIMS == class.bit() {
            return Ok(Granted { state: word & STATE });
        }
        self.wait_to_share(me, class, system, wait, word, is_inside, is_needless)
    }

    /// The rest of [`lock_shared`](Self::lock_shared). The own line is marked already; `word` was loaded
    /// afterwards.
    #[cold]
    #[allow(clippy::too_many_arguments)] // what `lock_shared` was asked, and what it found
    fn wait_to_share<'w>(
        self,
        me: Owner,
        class: Class,
        system: &impl System,
        wait: impl Into<Wait<'w>>,
        mut word: u64,
        is_inside: impl Fn() -> bool,
        is_needless: impl Fn() -> Result<bool>,
    ) -> Result<Granted, Stop> {
        let mut wait = wait.into();
        let mut waiter = Waiter::new(wait.reborrow()).unless(&is_needless).noting(self.lines, me);
        loop {
            let free = Owner::in_word(word).is_none();
            if free && word & CLAIMS == class.bit() || !free && is_inside() {
                return Ok(Granted { state: word & STATE });
            }
            self.unlock_shared(me, system);
            if is_needless()? {
                return Err(Stop::Needless);
            }
            if free {
                return self.take_turn(me, class, system, &mut waiter);
            }
            while let Some(word) = self.held() {
                self.wait_for_holder(system, &mut waiter, word, Whom::Readers)?;
            }
            word = self.mark(me)?;
        }
    }

    /// Ends what [`lock_shared`](Self::lock_shared) began.
    #[inline]
    pub(crate) fn unlock_shared(&self, me: Owner, system: &impl Sleep) {
        let Some(line) = self.lines.get(me.slot() as usize) else { return };
        line.marks.fetch_sub(1, SeqCst);
        store_before_load();
        if Owner::in_word(self.words.word.load(SeqCst)).is_some() {
            self.wake_drainer(system);
        }
    }

    #[cold]
    fn wake_drainer(self, system: &impl Sleep) {
        self.words.departures.fetch_add(1, SeqCst);
        system.wake(&self.words.departures, Whom::Writers, u32::MAX);
    }

    /// The word, while it names an exclusive holder.
    fn held(&self) -> Option<u64> {
        let word = self.words.word.load(SeqCst);
        Owner::in_word(word).map(|_| word)
    }

    /// The exclusive holder, if there is one.
    pub(crate) fn holder(&self) -> Option<Owner> {
        self.held().and_then(Owner::in_word)
    }

    /// Whether a writer died or panicked, and no later one has cleared the poison.
    pub(crate) fn is_poisoned(&self) -> bool {
        self.words.word.load(SeqCst) & POISONED != 0
    }

    /// Changes the turn to `class` and shares: acquires exclusively first.
    fn take_turn(
        &self,
        me: Owner,
        class: Class,
        system: &impl System,
        waiter: &mut Waiter<'_>,
    ) -> Result<Granted, Stop> {
        let state = self.enter(me, system, waiter, INTENT)?;
        let marked = self.drain(system, waiter).and_then(|_| Ok(self.mark(me)?));
        let state = match marked {
            Ok(_) => state & POISONED | class.bit(),
            Err(_) => state,
        };
        self.unlock(me, system, Granted { state });
        marked.map(|_| Granted { state })
    }

    /// Marks the own line, and sets [`MARKED`]. Returns the word as it was after the mark.
    #[inline]
    fn mark(&self, me: Owner) -> Result<u64> {
        let Some(line) = self.lines.get(me.slot() as usize) else { return Err(too_many(0)) };
        let before = line.marks.fetch_add(1, SeqCst);
        if low_half(before) >= MAX_MARKS {
            line.marks.fetch_sub(1, SeqCst);
            return Err(too_many(MAX_MARKS));
        }
        store_before_load();
        let word = self.words.word.load(SeqCst);
        if word & MARKED != 0 { Ok(word) } else { Ok(self.words.word.fetch_or(MARKED, SeqCst)) }
    }

    /// Puts `me` into the word as soon as no other owner is there.
    fn enter(
        &self,
        me: Owner,
        system: &impl System,
        waiter: &mut Waiter<'_>,
        intent: u64,
    ) -> Result<u64, Stop> {
        // A writer that has slept may not be the only sleeper: it wakes the next when it unlocks.
        let mut others = 0;
        loop {
            let word = self.words.word.load(SeqCst);
            if Owner::in_word(word).is_some() {
                if self.wait_for_holder(system, waiter, word, Whom::Writers)? {
                    others = WRITERS_WAIT;
                }
                continue;
            }
            let kept = word & (STATE | MARKED | WRITERS_WAIT | READERS_WAIT);
            let mine = kept | others | me.bits() | intent;
            if self.words.word.compare_exchange(word, mine, SeqCst, SeqCst).is_ok() {
                return Ok(word & STATE);
            }
        }
    }

    /// Waits until no sharer is left; the word keeps newcomers out. Tells whether it had to look for
    /// sharers, which leaves [`INTENT`] in the word.
    fn drain(&self, system: &impl System, waiter: &mut Waiter<'_>) -> Result<bool, Stop> {
        if self.words.word.load(SeqCst) & MARKED == 0 {
            return Ok(false);
        }
        self.words.word.fetch_or(INTENT, SeqCst);
        waiter.for_others();
        loop {
            let seen = self.words.departures.load(SeqCst);
            self.words.word.fetch_and(!MARKED, SeqCst);
            store_before_load();
            if !self.lines.iter().any(is_marked) {
                return Ok(true);
            }
            self.words.word.fetch_or(MARKED, SeqCst);
            if waiter.spins() {
                continue;
            }
            waiter.note(WaitsFor::Sharers, None);
            if waiter.sleep(system, &self.words.departures, seen, Whom::Writers)? {
                self.clear_dead_marks(system)?;
            }
        }
    }

    fn clear_dead_marks(&self, system: &impl System) -> Result<()> {
        for (slot, line) in (0..).zip(self.lines) {
            let marks = line.marks.load(SeqCst);
            let owner = Owner::new(slot, low_half(marks >> 32));
            if low_half(marks) != 0 && !system.is_alive(owner)? {
                // It fails if somebody has taken the slot, and cleared them, meanwhile.
                let cleared = marks & !u64::from(u32::MAX);
                if line.marks.compare_exchange(marks, cleared, SeqCst, SeqCst).is_ok() {
                    tracing::info!(slot, count = low_half(marks), "a dead reader is released");
                }
            }
        }
        Ok(())
    }

    /// Waits until the holder that `word` names has unlocked or is dead. Tells whether it slept.
    fn wait_for_holder(
        &self,
        system: &impl System,
        waiter: &mut Waiter<'_>,
        word: u64,
        whom: Whom,
    ) -> Result<bool, Stop> {
        if waiter.spins() {
            return Ok(false);
        }
        let flag = match whom {
            Whom::Writers => WRITERS_WAIT,
            Whom::Readers => READERS_WAIT,
        };
        let flagged = word | flag;
        if word != flagged
            && self.words.word.compare_exchange(word, flagged, SeqCst, SeqCst).is_err()
        {
            return Ok(false);
        }
        waiter.note(WaitsFor::Holder, Owner::in_word(word));
        match waiter.sleep(system, &self.words.word, flagged, whom) {
            Ok(true) => self.release_if_dead(system)?,
            Ok(false) => {}
            Err(stop) => {
                if let (Stop::Interrupted { .. }, Whom::Writers) = (&stop, whom) {
                    // The wake-up may have been the one that a single writer gets: it is passed on.
                    system.wake(&self.words.word, Whom::Writers, 1);
                }
                return Err(stop);
            }
        }
        Ok(true)
    }

    /// Releases the lock if its holder is dead. Of two waiters that find it so, one succeeds.
    pub(crate) fn release_if_dead(&self, system: &impl System) -> Result<()> {
        let word = self.words.word.load(SeqCst);
        let Some(holder) = Owner::in_word(word) else { return Ok(()) };
        if system.is_alive(holder)? {
            return Ok(());
        }
        let poisoned = if word & INTENT == 0 { POISONED } else { 0 };
        // It may have died in `drain`, where it clears `MARKED` for a moment.
        let free = word & STATE | poisoned | MARKED;
        if self.words.word.compare_exchange(word, free, SeqCst, SeqCst).is_ok() {
            let (slot, generation) = (holder.slot(), holder.generation());
            tracing::info!(slot, generation, poisoned = poisoned != 0, "a dead holder is released");
            self.words.wake(system, word);
        }
        Ok(())
    }

    /// Takes `me` out of the word. A word that names another owner stays as it is.
    pub(crate) fn unlock(&self, me: Owner, system: &impl Sleep, granted: Granted) {
        if !self.try_unlock(me, granted) {
            self.words.unlock_and_wake(me, system, granted);
        }
    }
}

#[cold]
fn too_many(count: u32) -> shm_core::Error {
    let (limit, value) = ("shared locks of one process", Some(count.into()));
    let hint = "guards that are leaked or never dropped hold them";
    ErrorKind::LimitReached { limit, value, hint }.into()
}

fn is_marked(line: &Line) -> bool {
    low_half(line.marks.load(SeqCst)) != 0
}
