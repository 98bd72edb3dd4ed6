//! A barrier's state and seats as the bits of a word each.

use std::fmt;

use shm_presence::Owner;

use crate::words::low_half;

/// The state. A waiter sleeps on the low half.
///
/// | bits | what |
/// |---|---|
/// | 0..20 | phase |
/// | 20..31 | how often a participant has taken a seat or left: the low half changes then |
/// | 31 | broken |
/// | 32..43 | size |
/// | 43..54 | how many have arrived in the phase; if it is broken, the slot of the participant that broke it |
/// | 54..56 | how it was broken |
/// | 56 | a participant sleeps |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) phase: u64,
    pub(crate) moves: u64,
    pub(crate) broken: Option<Broken>,
    pub(crate) size: u32,
    pub(crate) arrived: u32,
    pub(crate) asleep: bool,
}

/// The participant that broke a barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) slot: u32,
    pub(crate) how: How,
}

/// How a barrier was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Died = 0,
    Left = 1,
    GaveUp = 2,
}

impl How {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Died => "died",
            Self::Left => "left",
            Self::GaveUp => "gave up waiting",
        }
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Phases are counted modulo so many.
const PHASES: u64 = 1 << PHASE_BITS;
const PHASE_BITS: u32 = 31 - Owner::SLOT_BITS;
/// Seats taken and left are counted modulo so many.
const MOVES: u64 = 1 << (31 - PHASE_BITS);
const BROKEN: u64 = 1 << 31;
/// As many as there are participants, or as there are slots.
const COUNT: u64 = (1 << 11) - 1;
const _: () = assert!(shm_core::MAX_SLOTS as u64 <= COUNT);
const ASLEEP: u64 = 1 << 56;

/// Of a seat: that its owner has left.
pub(crate) const GONE: u64 = 1 << 31;

impl State {
    pub(crate) fn of(word: u64) -> Self {
        let how = match word >> 54 & 3 {
            1 => How::Left,
            2 => How::GaveUp,
            _ => How::Died,
        };
        let (is_broken, field) = (word & BROKEN != 0, low_half(word >> 43 & COUNT));
        Self {
            phase: word % PHASES,
            moves: word >> PHASE_BITS & (MOVES - 1),
            broken: is_broken.then_some(Broken { slot: field, how }),
            size: low_half(word >> 32 & COUNT),
            arrived: if is_broken { 0 } else { field },
            asleep: word & ASLEEP != 0,
        }
    }

    pub(crate) fn word(self) -> u64 {
        let (how, field) = match self.broken {
            Some(Broken { slot, how }) => (BROKEN | (how as u64) << 54, slot),
            None => (0, self.arrived),
        };
        let asleep = if self.asleep { ASLEEP } else { 0 };
        let (size, field) = (u64::from(self.size) & COUNT, u64::from(field) & COUNT);
        self.phase | self.moves << PHASE_BITS | size << 32 | field << 43 | how | asleep
    }

    /// For others than those who had seats until now: two phases on, so that no seat of theirs
    /// can be taken for one of the new.
    pub(crate) fn anew(self, size: u32) -> Self {
        Self { phase: after(after(self.phase)), broken: None, size, arrived: 0, ..self }
    }

    /// One more has arrived. The last one moves the phase on.
    pub(crate) fn with_one_more(self) -> Self {
        match self.arrived + 1 {
            all if all >= self.size => Self { phase: after(self.phase), arrived: 0, ..self },
            arrived => Self { arrived, ..self },
        }
    }

    /// Somebody has taken a seat or left, and all else is as it was.
    pub(crate) fn moved(self) -> Self {
        Self { moves: (self.moves + 1) % MOVES, ..self }
    }

    /// What of it changes only if the barrier begins anew or breaks, or somebody takes a seat or
    /// leaves.
    pub(crate) fn members(self) -> Self {
        Self { phase: 0, arrived: 0, asleep: false, ..self }
    }

    /// It does not count on who has arrived any more.
    pub(crate) fn broken_by(self, broken: Broken) -> Self {
        Self { broken: Some(broken), arrived: 0, ..self }
    }
}

pub(crate) fn after(phase: u64) -> u64 {
    (phase + 1) % PHASES
}

/// A seat: its owner, in bits 11..31 the phase that is next for it, and in 31 whether it has left.
/// Who has arrived in phase n has phase n + 1 next, from a moment after it was counted.
pub(crate) fn seat_bits(owner: Owner, next: u64) -> u64 {
    owner.bits() | next << Owner::SLOT_BITS
}

/// The phase that is next for who has that seat.
fn next_of(seat: u64) -> u64 {
    seat >> Owner::SLOT_BITS & (PHASES - 1)
}

/// Whether who has that seat has arrived in the phase of that state.
pub(crate) fn has_arrived(seat: u64, state: State) -> bool {
    next_of(seat) == after(state.phase)
}

pub(crate) fn is_taken(seat: u64) -> bool {
    Owner::in_word(seat).is_some() && seat & GONE == 0
}

/// Whether somebody took a seat, or arrived, in the phase of that state. Beginning anew moves two
/// phases on, so that no older seat is taken for one of them.
pub(crate) fn is_of(seat: u64, state: State) -> bool {
    [state.phase, after(state.phase)].contains(&next_of(seat))
}
