//! The words of an arena that processes share, and what their bits mean.
//!
//! Every word is a `u64` in the machine's byte order. Zero is the first state of every word, so the
//! tables of a new arena are a hole in its file.
//!
//! *Truth* is a [`Record`]'s state, and the *marks* that each slot has for each array. *Hints* are the
//! words of a [`Slab`] but its line, and the present sets, which say where marks may be.

use shm_sync::atomic::AtomicU64;

/// The most slots: a present set has a bit for each.
pub(crate) const SLOTS: usize = 128;

/// Arrays for which there is one present set: the marks of one slot for them fill a page.
pub(crate) const PAGE: usize = 512;

/// Arrays of a slab.
pub(crate) const SLAB: usize = 64;

/// Bytes of a record that belong to the caller.
pub const META_LEN: usize = 88;

/// One array: its state, and what its creator says about it.
#[repr(C, align(128))]
#[derive(Debug)]
pub(crate) struct Record {
    /// A [`State`].
    pub(crate) state: AtomicU64,
    /// For the lock of the array. Zero.
    pub(crate) lock: [AtomicU64; 2],
    /// How often the block has been taken; its low half is the state's generation.
    pub(crate) generation: AtomicU64,
    /// Length of the array in bytes.
    pub(crate) len: AtomicU64,
    /// The caller's.
    pub(crate) meta: [AtomicU64; META_LEN / 8],
}

/// One slab: up to 64 blocks of one size class.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Slab {
    /// Where it lies and of which class it is; zero if there is no such slab yet. Never changes then.
    pub(crate) line: AtomicU64,
    /// Hint: a bit for each block that seems to be taken.
    pub(crate) taken: AtomicU64,
    /// Hint: the slot that allocates from it, plus 1.
    pub(crate) owner: AtomicU64,
}

/// The slots that may have marks for a page of arrays.
#[repr(C, align(16))]
#[derive(Debug)]
pub(crate) struct Present(pub(crate) [AtomicU64; 2]);

#[cfg(not(loom))]
const _: () = {
    assert!(size_of::<Record>() == 128 && align_of::<Record>() == 128);
    assert!(size_of::<Slab>() == 64 && size_of::<Present>() == 16);
};

/// In the marks that a slot has for an array: its handles.
pub(crate) const HANDLES: u64 = 0xffff_ffff;

/// In the marks that a slot has for an array: it is about to find out whether the array is to be freed.
pub(crate) const BUSY: u64 = 1 << 32;

/// What an array's state word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) kind: Kind,
    pub(crate) generation: u32,
}

/// The part of a state besides the generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nobody has it.
    Free,
    /// Its creator fills it.
    Filling,
    /// It can be attached, and has been so often, modulo 2^30.
    Live(u32),
    /// The process in that slot frees it.
    Dying(u32),
}

const DETAIL: u64 = 0x3fff_ffff;

impl State {
    pub(crate) const fn new(kind: Kind, generation: u32) -> Self {
        Self { kind, generation }
    }

    pub(crate) fn of(word: u64) -> Self {
        let (detail, generation) = (low_half(word >> 32 & DETAIL), low_half(word));
        let kind = match word >> 62 {
            0 => Kind::Free,
            1 => Kind::Filling,
            2 => Kind::Live(detail),
            _ => Kind::Dying(detail),
        };
        Self { kind, generation }
    }

    pub(crate) fn bits(self) -> u64 {
        let (kind, detail) = match self.kind {
            Kind::Free => (0, 0),
            Kind::Filling => (1, 0),
            Kind::Live(attached) => (2, attached),
            Kind::Dying(slot) => (3, slot),
        };
        kind << 62 | (u64::from(detail) & DETAIL) << 32 | u64::from(self.generation)
    }
}

/// The low half of a word.
pub(crate) fn low_half(word: u64) -> u32 {
    let [.., a, b, c, d] = word.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn states_are_what_their_bits_say() {
        for kind in [Kind::Free, Kind::Filling, Kind::Live(0x3fff_ffff), Kind::Dying(127)] {
            let state = State::new(kind, 0xfedc_ba98);
            assert_eq!(State::of(state.bits()), state);
        }
        let wrapped = State::new(Kind::Live(1 << 30), 3);
        assert_eq!(State::of(wrapped.bits()), State::new(Kind::Live(0), 3));
        assert_eq!(State::new(Kind::Free, 0).bits(), 0);
    }
}
