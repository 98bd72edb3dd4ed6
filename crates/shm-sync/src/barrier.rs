//! The barrier: so many participants wait until all have come, again and again.
//!
//! Each sits on a seat, a word that names it and the phase for which it has arrived. The state word
//! has the phase that is waited for. Whoever sees that all seats have arrived moves the phase on;
//! no count can be wrong, as none is kept. A seat whose owner is dead, or has left, or gave up
//! waiting, breaks the barrier, and the state then names it. Once nobody is seated any more, the
//! next to come begins anew, in a phase that no old seat can be taken for one of.
//!
//! Whoever sits down or leaves counts in the state too, after its seat is written: so who has seen
//! the state before and the seats after changes nothing, and does not sleep, without seeing it.

use shm_presence::Owner;

use crate::atomic::{Ordering::SeqCst, store_before_load};
use crate::system::{Limit, Stop, System, Waiter, Whom};
use crate::words::{BarrierWords, Line, OWNER, owner_bits, owner_in};

mod state;

pub(crate) use state::{Broken, How};
use state::{GONE, State, after, is_of, is_taken, next_of, seat_bits};

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

/// The barrier of an array, for that many participants.
pub(crate) struct Barrier<'a> {
    pub(crate) words: &'a BarrierWords,
    pub(crate) lines: &'a [Line],
    pub(crate) size: u32,
}

impl Barrier<'_> {
    /// Takes a seat. Where the barrier is broken, it waits until those who were told have left.
    pub(crate) fn join(
        &self,
        me: Owner,
        system: &impl System,
        limit: Limit,
    ) -> Result<usize, Blocked> {
        let mut waiter = Waiter::new(limit);
        loop {
            let mut word = self.words.state.load(SeqCst);
            let mut state = State::of(word);
            if self.anybody_seated(system)? {
                if self.words.state.load(SeqCst) != word {
                    continue; // they may have begun anew
                }
                if state.broken.is_some() {
                    waiter.sleep(system, &self.words.state, word, Whom::Readers)?;
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
            if let Some(at) = self.sit_down(me, state, system) {
                return Ok(at);
            }
            match self.anybody_dead(system)? {
                Some(broken) => drop(self.change(word, state.broken_by(broken), system)),
                None if self.words.state.load(SeqCst) == word => return Err(Blocked::Full),
                None => {}
            }
        }
    }

    /// Gives a seat up. Whoever waits for it is told.
    pub(crate) fn leave(&self, me: Owner, at: usize, system: &impl System) {
        let Some(line) = self.lines.get(at) else { return };
        let seat = line.seat.load(SeqCst);
        if seat & OWNER == owner_bits(me) {
            let _ = line.seat.compare_exchange(seat, seat | GONE, SeqCst, SeqCst);
        }
        self.tell_departure(system);
    }

    /// Changes the state, so that nobody goes to sleep who has not seen the seat.
    fn tell_departure(&self, system: &impl System) {
        loop {
            let word = self.words.state.load(SeqCst);
            if self.change(word, State::of(word).moved(), system) {
                return;
            }
        }
    }

    /// Waits until all have arrived; tells whether this one was the last. If it gives up, it
    /// breaks the barrier: the others would count on it.
    pub(crate) fn wait(
        &self,
        me: Owner,
        at: usize,
        system: &impl System,
        limit: Limit,
    ) -> Result<bool, Blocked> {
        let mut waiter = Waiter::new(limit);
        let began = self.arrive(me, at);
        loop {
            let word = self.words.state.load(SeqCst);
            let state = State::of(word);
            if state.size != self.size {
                return Err(Blocked::Size(state.size));
            }
            if state.phase != began.phase {
                return Ok(false);
            }
            if let Some(broken) = state.broken {
                return Err(Blocked::Broken(broken));
            }
            if self.all_arrived(state) {
                let next = State { phase: after(state.phase), ..state };
                if self.change(word, next, system) {
                    return Ok(true);
                }
                continue;
            }
            if let Some(broken) = self.anybody_gone(state) {
                self.change(word, state.broken_by(broken), system);
                continue;
            }
            if waiter.spins() {
                continue;
            }
            match waiter.sleep(system, &self.words.state, word, Whom::Readers) {
                Ok(true) => {
                    if let Some(broken) = self.anybody_dead(system)? {
                        self.change(word, state.broken_by(broken), system);
                    }
                }
                Ok(false) => {}
                Err(stop) => {
                    let broken = Broken { slot: me.slot, how: How::GaveUp };
                    if self.change(word, state.broken_by(broken), system) {
                        return Err(stop.into());
                    }
                }
            }
        }
    }

    /// Writes on the own seat that it has arrived in the phase that the state has now.
    fn arrive(&self, me: Owner, at: usize) -> State {
        let state = State::of(self.words.state.load(SeqCst));
        if let Some(line) = self.lines.get(at)
            && state.broken.is_none()
        {
            line.seat.store(seat_bits(me, after(state.phase)), SeqCst);
            store_before_load();
        }
        state
    }

    /// Takes the first seat that nobody has, unless the state changes in a way that matters.
    fn sit_down(&self, me: Owner, state: State, system: &impl System) -> Option<usize> {
        let mine = seat_bits(me, state.phase);
        let (at, line) = self.seats().find(|(_, line)| {
            let seat = line.seat.load(SeqCst);
            !is_taken(seat) && line.seat.compare_exchange(seat, mine, SeqCst, SeqCst).is_ok()
        })?;
        store_before_load();
        loop {
            let word = self.words.state.load(SeqCst);
            let now = State::of(word);
            if now != (State { moves: now.moves, ..state }) {
                break;
            }
            // With this, nobody begins anew who has not seen the seat.
            if self.change(word, now.moved(), system) {
                return Some(at);
            }
        }
        let _ = line.seat.compare_exchange(mine, 0, SeqCst, SeqCst);
        self.tell_departure(system);
        None
    }

    fn seats(&self) -> impl Iterator<Item = (usize, &Line)> {
        self.lines.iter().enumerate().take(self.size as usize)
    }

    fn all_arrived(&self, state: State) -> bool {
        self.seats().all(|(_, line)| {
            let seat = line.seat.load(SeqCst);
            is_taken(seat) && next_of(seat) == after(state.phase)
        })
    }

    /// Whoever left before this phase was over.
    fn anybody_gone(&self, state: State) -> Option<Broken> {
        self.seats().find_map(|(_, line)| {
            let seat = line.seat.load(SeqCst);
            let owner = owner_in(seat)?;
            let gone = seat & GONE != 0 && is_of(seat, state);
            gone.then_some(Broken { slot: owner.slot, how: How::Left })
        })
    }

    fn anybody_dead(&self, system: &impl System) -> Result<Option<Broken>, Stop> {
        for owner in seated(self.seats().map(|(_, line)| line)) {
            if !system.is_alive(owner)? {
                return Ok(Some(Broken { slot: owner.slot, how: How::Died }));
            }
        }
        Ok(None)
    }

    /// Whether somebody alive has a seat, whatever the size is.
    fn anybody_seated(&self, system: &impl System) -> Result<bool, Stop> {
        for owner in seated(self.lines.iter()) {
            if system.is_alive(owner)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The seats of those who died before it began anew, with `state`, can be had again.
    fn clear_old_seats(&self, state: State, system: &impl System) -> Result<(), Stop> {
        for line in self.lines {
            let seat = line.seat.load(SeqCst);
            if let Some(owner) = owner_in(seat)
                && !is_of(seat, state)
                && !system.is_alive(owner)?
            {
                let _ = line.seat.compare_exchange(seat, 0, SeqCst, SeqCst);
            }
        }
        Ok(())
    }

    /// Changes the state, and wakes all. It tells whether it was still what `word` says.
    fn change(&self, word: u64, state: State, system: &impl System) -> bool {
        let changed = self.words.state.compare_exchange(word, state.word(), SeqCst, SeqCst).is_ok();
        if changed {
            if let Some(broken) = state.broken {
                tracing::info!(slot = broken.slot, how = %broken.how, "a barrier breaks");
            }
            system.wake(&self.words.state, Whom::Readers, u32::MAX);
        }
        changed
    }
}

/// Who has one of these seats, alive or dead.
fn seated<'a>(lines: impl Iterator<Item = &'a Line>) -> impl Iterator<Item = Owner> {
    let seats = lines.map(|line| line.seat.load(SeqCst));
    seats.filter(|seat| is_taken(*seat)).filter_map(owner_in)
}
