//! The lock: one holder alone, or any number together who are of one class.
//!
//! Whoever wants to be alone writes itself into the word. Whoever shares marks its own slot's line,
//! so that sharers do not slow each other, and looks at the word afterwards; whoever is alone looks
//! at the marks after it has written the word. So at least one of two sees the other. Marks are
//! looked for only if [`MARKED`] in the word says that there may be some.
//!
//! The two classes of sharers, readers and claimers, exclude each other: the word has the class
//! whose turn it is, and only who is alone changes it.
//!
//! | whoever shares | whoever wants to be alone |
//! |---|---|
//! | marks its line | writes itself into the word |
//! | says in the word that there are marks, if it does not | finds that it says none: it is alone |
//! | finds that the word was free, and of its class: it shares | takes that away, looks at all lines: none marked, and it is alone; else says it again |
//!
//! Both change one word before they look, so one of them comes first there.
//!
//! Of the word, the high half is the generation of who is alone, and the bits of the low half are
//! its slot + 1 (0..8), [`WRITERS_WAIT`] (8), [`READERS_WAIT`] (9), [`POISONED`] (10), [`CLAIMS`] (11),
//! [`INTENT`] (12) and [`MARKED`] (13).
//!
//! A dead holder is found by those who wait, and leaves the word by one compare-and-swap. If it was
//! alone and may have been writing, [`POISONED`] stays until somebody alone takes it away.
//! That is meant widely: also of one who died before it had looked for sharers.

use shm_core::{ErrorKind, Result};
use shm_presence::Owner;

use crate::atomic::{Ordering::SeqCst, store_before_load};
use crate::system::{Sleep, Stop, System, Wait, Waiter, Whom};
use crate::words::{Line, LockWords, low_half};

/// Somebody waits to be alone.
const WRITERS_WAIT: u64 = 1 << 8;
/// Somebody waits to share.
const READERS_WAIT: u64 = 1 << 9;
/// Somebody died while it may have been writing.
const POISONED: u64 = 1 << 10;
/// It is the claimers' turn to share.
const CLAIMS: u64 = 1 << 11;
/// Whoever is alone has not begun to write.
const INTENT: u64 = 1 << 12;
/// Lines may be marked. Only who is alone takes it away, and looks at them afterwards.
const MARKED: u64 = 1 << 13;
/// What outlasts a holder, beside [`MARKED`].
pub(crate) const STATE: u64 = POISONED | CLAIMS;
const _: () = assert!((STATE | MARKED | INTENT | WRITERS_WAIT | READERS_WAIT) & Owner::BITS == 0);

/// The most shared locks that one slot can hold at a time.
const MAX_MARKS: u32 = u32::MAX / 2;

/// Who shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Whoever only reads.
    Readers,
    /// Whoever writes what nobody else does.
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

/// A lock that was given: what is to be known of the data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Granted {
    state: u64,
}

impl Granted {
    /// As bits beside those that name an owner in a word.
    #[inline]
    pub(crate) fn bits(self) -> u64 {
        self.state
    }

    #[inline]
    pub(crate) fn of(word: u64) -> Self {
        Self { state: word & STATE }
    }

    /// Whether somebody died or panicked while it was writing, and nobody has mended that.
    #[inline]
    pub(crate) fn is_poisoned(self) -> bool {
        self.state & POISONED != 0
    }

    /// Says whether the data are poisoned from now on.
    #[inline]
    pub(crate) fn set_poisoned(&mut self, poisoned: bool) {
        self.state = self.state & !POISONED | if poisoned { POISONED } else { 0 };
    }
}

/// The lock of an array. What is called from where nobody waits takes it by value, so that it stays in
/// registers there.
#[derive(Clone, Copy)]
pub(crate) struct Lock<'a> {
    pub(crate) words: &'a LockWords,
    pub(crate) lines: &'a [Line],
}

impl Lock<'_> {
    /// Becomes the only one, if that can be had with one access: mostly it is free, whole, and without
    /// marks. Otherwise nothing is done, and [`wait_to_be_alone`](Self::wait_to_be_alone) is to do it.
    #[inline(always)]
    pub(crate) fn enter_at_once(&self, me: Owner) -> Option<Granted> {
        let entered = self.words.word.compare_exchange(0, me.bits(), SeqCst, SeqCst);
        entered.ok().map(|_| Granted { state: 0 })
    }

    /// The same after a look: where the data are poisoned, or it is the claimers' turn, it is free as well.
    #[inline]
    fn enter_after_a_look(&self, me: Owner) -> Option<Granted> {
        let state = self.words.word.load(SeqCst);
        if state & !STATE != 0 {
            return None;
        }
        let entered = self.words.word.compare_exchange(state, state | me.bits(), SeqCst, SeqCst);
        entered.ok().map(|_| Granted { state })
    }

    /// Lets go of what was granted, if that can be had with one access: mostly nobody waits, has marked a
    /// line or tore the data. Otherwise nothing is done, which [`leave_and_wake`](LockWords::leave_and_wake) is for.
    #[inline]
    pub(crate) fn leave_at_once(&self, me: Owner, granted: Granted) -> bool {
        let (mine, free) = (granted.state | me.bits(), granted.state);
        self.words.word.compare_exchange(mine, free, SeqCst, SeqCst).is_ok()
    }

    /// Both steps, as `guard.rs` does them.
    #[cfg(loom)]
    pub(crate) fn lock_alone<'w>(
        self,
        me: Owner,
        system: &impl System,
        wait: impl Into<Wait<'w>>,
    ) -> Result<Granted, Stop> {
        match self.enter_at_once(me) {
            Some(granted) => Ok(granted),
            None => self.wait_to_be_alone(me, system, wait.into()),
        }
    }

    /// Becomes the only one.
    #[cold]
    pub(crate) fn wait_to_be_alone(
        self,
        me: Owner,
        system: &impl System,
        wait: Wait<'_>,
    ) -> Result<Granted, Stop> {
        if let Some(granted) = self.enter_after_a_look(me) {
            return Ok(granted);
        }
        let mut waiter = Waiter::new(wait);
        let state = self.enter(me, system, &mut waiter, 0)?;
        match self.drain(system, &mut waiter) {
            Ok(looked) => {
                if looked {
                    self.words.word.fetch_and(!INTENT, SeqCst);
                }
                Ok(Granted { state })
            }
            Err(stop) => {
                self.leave(me, system, Granted { state });
                Err(stop)
            }
        }
    }

    /// Shares with others of that class.
    ///
    /// `is_inside` tells whether another thread of this process shares for certain: then nobody is
    /// alone, and whoever waits to be lets this one in too. So a process that holds one chunk can
    /// have another.
    #[inline]
    pub(crate) fn lock_shared<'w>(
        &self,
        me: Owner,
        class: Class,
        system: &impl System,
        wait: impl Into<Wait<'w>>,
        is_inside: impl Fn() -> bool,
    ) -> Result<Granted, Stop> {
        let word = self.mark(me)?;
        if Owner::in_word(word).is_none() && word & CLAIMS == class.bit() {
            return Ok(Granted { state: word & STATE });
        }
        self.wait_to_share(me, class, system, wait, word, is_inside)
    }

    /// Shares with others of that class. The own line is marked already; `word` was found afterwards.
    #[cold]
    fn wait_to_share<'w>(
        self,
        me: Owner,
        class: Class,
        system: &impl System,
        wait: impl Into<Wait<'w>>,
        mut word: u64,
        is_inside: impl Fn() -> bool,
    ) -> Result<Granted, Stop> {
        let mut waiter = Waiter::new(wait.into());
        loop {
            let free = Owner::in_word(word).is_none();
            if free && word & CLAIMS == class.bit() || !free && is_inside() {
                return Ok(Granted { state: word & STATE });
            }
            self.unlock_shared(me, system);
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
            self.tell_who_drains(system);
        }
    }

    #[cold]
    fn tell_who_drains(self, system: &impl Sleep) {
        self.words.unmarked.fetch_add(1, SeqCst);
        system.wake(&self.words.unmarked, Whom::Writers, u32::MAX);
    }

    /// The word, while somebody is alone.
    fn held(&self) -> Option<u64> {
        let word = self.words.word.load(SeqCst);
        Owner::in_word(word).map(|_| word)
    }

    /// Who holds it alone, if anybody does.
    pub(crate) fn holder(&self) -> Option<Owner> {
        self.held().and_then(Owner::in_word)
    }

    /// Whether a holder died while it may have been writing, and nobody has mended that.
    pub(crate) fn is_poisoned(&self) -> bool {
        self.words.word.load(SeqCst) & POISONED != 0
    }

    /// Changes the turn to `class` and shares: alone first, then together.
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
        self.leave(me, system, Granted { state });
        marked.map(|_| Granted { state })
    }

    /// Marks the own line, and says that there are marks. Returns the word, as it was found after that.
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

    /// Writes the own name into the word as soon as nobody else's is there.
    fn enter(
        &self,
        me: Owner,
        system: &impl System,
        waiter: &mut Waiter<'_>,
        intent: u64,
    ) -> Result<u64, Stop> {
        // Whoever has slept may not be the only one whom a wake-up was meant for.
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

    /// Waits until nobody shares; the word keeps newcomers out. Tells whether it had to look for
    /// them, which leaves [`INTENT`] in the word.
    fn drain(&self, system: &impl System, waiter: &mut Waiter<'_>) -> Result<bool, Stop> {
        if self.words.word.load(SeqCst) & MARKED == 0 {
            return Ok(false);
        }
        self.words.word.fetch_or(INTENT, SeqCst);
        waiter.for_others();
        loop {
            let seen = self.words.unmarked.load(SeqCst);
            self.words.word.fetch_and(!MARKED, SeqCst);
            store_before_load();
            if !self.lines.iter().any(is_marked) {
                return Ok(true);
            }
            self.words.word.fetch_or(MARKED, SeqCst);
            if waiter.spins() {
                continue;
            }
            if waiter.sleep(system, &self.words.unmarked, seen, Whom::Writers)? {
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
                    tracing::info!(slot, count = low_half(marks), "a dead reader is let go");
                }
            }
        }
        Ok(())
    }

    /// Waits for the holder that `word` names, in whatever way it goes. Tells whether it slept.
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
        match waiter.sleep(system, &self.words.word, flagged, whom) {
            Ok(true) => self.let_go_if_dead(system)?,
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

    /// Ends the lock of a dead holder. Of two that find it dead, one succeeds.
    pub(crate) fn let_go_if_dead(&self, system: &impl System) -> Result<()> {
        let word = self.words.word.load(SeqCst);
        let Some(holder) = Owner::in_word(word) else { return Ok(()) };
        if system.is_alive(holder)? {
            return Ok(());
        }
        let poisoned = if word & INTENT == 0 { POISONED } else { 0 };
        // It may have died in `drain`, while it said for the time being that there are no marks.
        let free = word & STATE | poisoned | MARKED;
        if self.words.word.compare_exchange(word, free, SeqCst, SeqCst).is_ok() {
            let (slot, generation) = (holder.slot(), holder.generation());
            tracing::info!(slot, generation, poisoned = poisoned != 0, "a dead holder is let go");
            self.words.wake(system, word);
        }
        Ok(())
    }

    /// Takes the own name out of the word. If it is not there any more, it is left as it is.
    pub(crate) fn leave(&self, me: Owner, system: &impl Sleep, granted: Granted) {
        if !self.leave_at_once(me, granted) {
            self.words.leave_and_wake(me, system, granted);
        }
    }
}

impl LockWords {
    /// The rest of [`Lock::leave`], where other bits are set: wakes those who wait.
    // A method of the words alone, so that no guard has to be in memory for the call.
    #[cold]
    #[inline(never)]
    pub(crate) fn leave_and_wake(&self, me: Owner, system: &impl Sleep, granted: Granted) {
        let mut word = self.word.load(SeqCst);
        while word & Owner::BITS == me.bits() {
            let free = granted.state | word & MARKED;
            match self.word.compare_exchange(word, free, SeqCst, SeqCst) {
                Ok(_) => return self.wake(system, word),
                Err(now) => word = now,
            }
        }
    }

    /// Wakes those whom the word said to be waiting: all who can share, and one who cannot.
    fn wake(&self, system: &impl Sleep, word: u64) {
        if word & WRITERS_WAIT != 0 {
            system.wake(&self.word, Whom::Writers, 1);
        }
        if word & READERS_WAIT != 0 {
            system.wake(&self.word, Whom::Readers, u32::MAX);
        }
    }
}

#[cold]
fn too_many(count: u32) -> shm_core::Error {
    let (limit, value) = ("shared locks of one process", Some(count.into()));
    let hint = "guards that are leaked or never dropped hold them";
    ErrorKind::LimitReached { limit, value, hint }.into()
}

/// Whether a lock's word says that somebody died while it may have been writing.
#[cfg(not(loom))]
pub(crate) fn is_poisoned(word: u64) -> bool {
    word & POISONED != 0
}

/// Whether whoever a lock's word names has been given the lock, and may write.
#[cfg(not(loom))]
pub(crate) fn is_begun(word: u64) -> bool {
    word & INTENT == 0
}

fn is_marked(line: &Line) -> bool {
    low_half(line.marks.load(SeqCst)) != 0
}
