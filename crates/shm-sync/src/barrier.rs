//! The barrier: so many participants wait until all have arrived, phase after phase.
//!
//! The state word has the phase that is waited for, and how many participants have arrived in it. Each
//! participant counts itself, and the last one moves the phase on, with one compare-and-swap. So a
//! participant that dies has arrived or has not, and the count of no other is wrong for it.
//!
//! The seats tell which participants there are: a word each, which names its owner and the owner's next
//! phase. A seat whose owner is dead, has left or gave up waiting breaks the barrier, and the state then
//! names that owner. Once no seat is taken any more, the next participant begins anew, in a phase that
//! no old seat can be taken for one of.
//!
//! A participant that takes a seat or leaves it counts that in the state too, after it has written the
//! seat. So another participant that loads the state first and the seats afterwards cannot change the
//! state, or sleep, without seeing the seat. And one that finds that count unchanged need not load the
//! seats, which are in other cores' caches.
//!
//! A participant that goes to sleep says so in the state. A participant that changes the low half wakes
//! all sleepers, if there are any.

use shm_presence::Owner;

use crate::atomic::{
    Ordering::{Release, SeqCst},
    store_before_load,
};
use crate::liveness::System;
use crate::sleep::Whom;
use crate::spin::AdaptiveSpin;
use crate::wait::{Timeout, Wait};
use crate::waiter::{Stop, Waiter};
use crate::waits_for::WaitsFor;
use crate::words::{BarrierWords, Line, low_half};

pub(crate) mod state;
#[cfg(all(test, not(loom)))]
mod tests;

pub(crate) use state::{Broken, How};
use state::{GONE, after, is_of, seat_bits};
use state::{State, has_arrived, is_taken};

/// Why there is no way through a barrier.
#[derive(Debug)]
pub(crate) enum Blocked {
    Broken(Broken),
    /// It is in use by another number of participants.
    Size(u32),
    /// All seats are taken.
    Full,
    Stop(Stop),
}

impl From<Stop> for Blocked {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

/// A seat that is taken, with what its holder remembers.
#[derive(Debug)]
pub(crate) struct Taken {
    at: usize,
    /// The state when it came through last, or took the seat: mostly it is still so when it comes
    /// again.
    seen: u64,
    /// With what of the state it found the barrier whole.
    whole: Option<State>,
    spin: AdaptiveSpin,
}

/// The barrier of an array, for that many participants.
pub(crate) struct Barrier<'a> {
    pub(crate) words: &'a BarrierWords,
    pub(crate) lines: &'a [Line],
    pub(crate) size: u32,
}

impl Barrier<'_> {
    /// Takes a seat. Where the barrier is broken, it waits until the participants that were told have left.
    pub(crate) fn join(
        &self,
        me: Owner,
        system: &impl System,
        mut wait: Wait<'_>,
    ) -> Result<Taken, Blocked> {
        let mut waiter = Waiter::new(wait.reborrow()).noting(self.lines, me);
        loop {
            let mut word = self.words.state.load(SeqCst);
            let mut state = State::of(word);
            if self.is_anybody_seated(system)? {
                if self.members() != state.members() {
                    continue; // they may have begun anew
                }
                if state.broken.is_some() {
                    if let Some(word) = self.say_asleep(word) {
                        waiter.note(WaitsFor::Seats, None);
                        waiter.sleep(system, &self.words.state, word, Whom::Readers)?;
                    }
                    continue;
                }
                if state.size != self.size {
                    return Err(Blocked::Size(state.size));
                }
            } else {
                state = state.anew(self.size);
                if !self.change(word, state, system) {
                    continue;
                }
                word = state.word();
                self.clear_old_seats(state, system)?;
            }
            if let Some(at) = self.take_seat(me, state, system) {
                let seen = self.words.state.load(SeqCst);
                return Ok(Taken { at, seen, whole: None, spin: AdaptiveSpin::default() });
            }
            match self.anybody_dead(system)? {
                Some(broken) => drop(self.change(word, state.broken_by(broken), system)),
                None if self.members() == state.members() => return Err(Blocked::Full),
                None => {}
            }
        }
    }

    /// Leaves a seat. The participants that wait for its owner are told.
    pub(crate) fn leave(&self, me: Owner, taken: &Taken, system: &impl System) {
        let Some(line) = self.lines.get(taken.at) else { return };
        let seat = line.seat.load(SeqCst);
        if seat & Owner::BITS == me.bits() {
            let _ = line.seat.compare_exchange(seat, seat | GONE, SeqCst, SeqCst);
        }
        self.tell_departure(system, |state| {
            // Its wait failed: the next owner of the seat would be counted beside it.
            let is_counted = seat & Owner::BITS == me.bits() && has_arrived(seat, state);
            let broken = Broken { slot: me.slot(), how: How::Left };
            let breaks = is_counted && state.broken.is_none();
            if breaks { state.broken_by(broken) } else { state.moved() }
        });
    }

    /// Changes the state, so that no participant goes to sleep that has not seen the seat.
    fn tell_departure(&self, system: &impl System, then: impl Fn(State) -> State) {
        loop {
            let word = self.words.state.load(SeqCst);
            if self.change(word, then(State::of(word)), system) {
                return;
            }
        }
    }

    /// Waits until all have arrived. Tells whether this participant was the last. If it gives up, it breaks
    /// the barrier: the others would count on it.
    pub(crate) fn wait(
        &self,
        me: Owner,
        taken: &mut Taken,
        system: &impl System,
        mut wait: Wait<'_>,
    ) -> Result<bool, Blocked> {
        let Some(phase) = self.arrive(me, taken, system)? else { return Ok(true) };
        let timeout = wait.timeout;
        let mut waiter = Waiter::often(wait.reborrow()).noting(self.lines, me);
        loop {
            let word = self.words.state.load(SeqCst);
            let state = State::of(word);
            if state.size == self.size && state.phase != phase {
                taken.seen = word;
                return Ok(false);
            }
            if !self.is_whole(word, taken, system)? {
                continue;
            }
            let changed = || low_half(self.words.state.load(SeqCst)) != low_half(word);
            if !matches!(timeout, Timeout::NoWait) && taken.spin.spin_until(changed) {
                continue;
            }
            let Some(word) = self.say_asleep(word) else { continue };
            waiter.note(WaitsFor::Arrivals, None);
            match waiter.sleep(system, &self.words.state, word, Whom::Readers) {
                Ok(true) => {
                    taken.whole = None;
                    if let Some(broken) = self.anybody_dead(system)? {
                        self.change(word, state.broken_by(broken), system);
                    }
                }
                Ok(false) => {}
                Err(stop) => {
                    let broken = Broken { slot: me.slot(), how: How::GaveUp };
                    if self.change(word, state.broken_by(broken), system) {
                        return Err(stop.into());
                    }
                }
            }
        }
    }

    /// Counts the participant in, once, in the phase that the state has now. Returns that phase, unless the
    /// participant was the last to arrive in it.
    fn arrive(
        &self,
        me: Owner,
        taken: &mut Taken,
        system: &impl System,
    ) -> Result<Option<u64>, Blocked> {
        let Some(line) = self.lines.get(taken.at) else { return Err(Blocked::Full) };
        let mut word = taken.seen;
        loop {
            let state = State::of(word);
            if taken.whole != Some(state.members()) {
                word = self.words.state.load(SeqCst);
                if !self.is_whole(word, taken, system)? {
                    continue;
                }
            }
            let state = State::of(word);
            if has_arrived(line.seat.load(SeqCst), state) {
                return Ok(Some(state.phase)); // in a wait that failed
            }
            let counted = state.with_one_more();
            let is_last = counted.phase != state.phase;
            let next = State { asleep: state.asleep && !is_last, ..counted }.word();
            match self.words.state.compare_exchange(word, next, SeqCst, SeqCst) {
                Ok(_) => {
                    // Only this one changes its seat, and it tells the others in the state.
                    line.seat.store(seat_bits(me, after(state.phase)), Release);
                    if is_last && state.asleep {
                        system.wake(&self.words.state, Whom::Readers, u32::MAX);
                    }
                    taken.seen = next;
                    return Ok((!is_last).then_some(state.phase));
                }
                Err(now) => word = now,
            }
        }
    }

    /// Whether no participant has left. An error if the barrier is broken or of another size; no if this
    /// call has broken it.
    fn is_whole(
        &self,
        word: u64,
        taken: &mut Taken,
        system: &impl System,
    ) -> Result<bool, Blocked> {
        let state = State::of(word);
        if taken.whole == Some(state.members()) {
            return Ok(true);
        }
        if state.size != self.size {
            return Err(Blocked::Size(state.size));
        }
        if let Some(broken) = state.broken {
            return Err(Blocked::Broken(broken));
        }
        if let Some(broken) = self.anybody_gone(state) {
            self.change(word, state.broken_by(broken), system);
            return Ok(false);
        }
        taken.whole = Some(state.members());
        Ok(true)
    }

    /// Says in the state that a participant sleeps, so that the next change of the low half wakes all.
    /// Returns the word as it is then; none if it was no longer `word`.
    fn say_asleep(&self, word: u64) -> Option<u64> {
        let asleep = State { asleep: true, ..State::of(word) }.word();
        let is_said = word == asleep
            || self.words.state.compare_exchange(word, asleep, SeqCst, SeqCst).is_ok();
        is_said.then_some(asleep)
    }

    fn members(&self) -> State {
        State::of(self.words.state.load(SeqCst)).members()
    }

    /// Takes the first free seat, unless the state changes in a way that matters.
    fn take_seat(&self, me: Owner, state: State, system: &impl System) -> Option<usize> {
        let mine = seat_bits(me, state.phase);
        let (at, line) = self.seats().find(|(_, line)| {
            let seat = line.seat.load(SeqCst);
            !is_taken(seat) && line.seat.compare_exchange(seat, mine, SeqCst, SeqCst).is_ok()
        })?;
        store_before_load();
        loop {
            let word = self.words.state.load(SeqCst);
            let now = State::of(word);
            if (now.phase, now.broken, now.size) != (state.phase, state.broken, state.size) {
                break;
            }
            // With this, no participant begins anew that has not seen the seat.
            if self.change(word, now.moved(), system) {
                return Some(at);
            }
        }
        let _ = line.seat.compare_exchange(mine, 0, SeqCst, SeqCst);
        self.tell_departure(system, State::moved);
        None
    }

    fn seats(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.lines.iter().enumerate().take(self.size as usize)
    }

    /// A participant that left before this phase was over.
    fn anybody_gone(&self, state: State) -> Option<Broken> {
        self.seats().find_map(|(_, line)| {
            let seat = line.seat.load(SeqCst);
            let owner = Owner::in_word(seat)?;
            let gone = seat & GONE != 0 && is_of(seat, state);
            gone.then_some(Broken { slot: owner.slot(), how: How::Left })
        })
    }

    fn anybody_dead(&self, system: &impl System) -> Result<Option<Broken>, Stop> {
        for owner in holders(self.seats().map(|(_, line)| line)) {
            if !system.is_alive(owner)? {
                return Ok(Some(Broken { slot: owner.slot(), how: How::Died }));
            }
        }
        Ok(None)
    }

    /// Whether a living participant has a seat, whatever the size is.
    fn is_anybody_seated(&self, system: &impl System) -> Result<bool, Stop> {
        for owner in holders(self.lines.iter()) {
            if system.is_alive(owner)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The seats of those who died or left before it began anew, with `state`, can be had again.
    fn clear_old_seats(&self, state: State, system: &impl System) -> Result<(), Stop> {
        for line in self.lines {
            let seat = line.seat.load(SeqCst);
            if let Some(owner) = Owner::in_word(seat)
                && !is_of(seat, state)
                && (!is_taken(seat) || !system.is_alive(owner)?)
            {
                let _ = line.seat.compare_exchange(seat, 0, SeqCst, SeqCst);
            }
        }
        Ok(())
    }

    /// Changes the state from `word`, and wakes all sleepers. Tells whether the state was still `word`.
    fn change(&self, word: u64, state: State, system: &impl System) -> bool {
        let next = State { asleep: false, ..state }.word();
        let changed = self.words.state.compare_exchange(word, next, SeqCst, SeqCst).is_ok();
        if changed {
            if let Some(broken) = state.broken {
                tracing::info!(slot = broken.slot, how = %broken.how, "a barrier breaks");
            }
            if State::of(word).asleep {
                system.wake(&self.words.state, Whom::Readers, u32::MAX);
            }
        }
        changed
    }
}

/// The owners of these seats, alive or dead.
fn holders<'a>(lines: impl Iterator<Item = &'a Line>) -> impl Iterator<Item = Owner> {
    let seats = lines.map(|line| line.seat.load(SeqCst));
    seats.filter(|seat| is_taken(*seat)).filter_map(Owner::in_word)
}
