//! Who, in words that processes share.

use std::fmt;

use shm_core::MAX_SLOTS;

/// A slot and the generation in which it was taken, as the bits by which shared words name them.
///
/// A word that names it belongs to somebody dead once the slot's generation is another, or nobody
/// [holds](crate::is_held) the slot.
///
/// ```
/// use shm_presence::Owner;
/// let owner = Owner::new(3, 7);
/// assert_eq!((owner.slot(), owner.generation()), (3, 7));
/// assert_eq!(Owner::in_word(owner.bits() | 1 << 12), Some(owner));
/// assert_eq!(Owner::in_word(1 << 12), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Owner(
    // Invariant: of the bits below only, of which those of the slot are not all zero.
    u64,
);

impl Owner {
    /// The bits of a word that name an owner: slot + 1 in the lowest 11, so that no bits mean
    /// nobody, and the generation in the high half. The bits between are free for the word's own use.
    pub const BITS: u64 = Self::GENERATION | Self::SLOT;
    const SLOT: u64 = (1 << Self::SLOT_BITS) - 1;
    const GENERATION: u64 = 0xffff_ffff_0000_0000;

    /// How many of the lowest bits name the slot: enough for [`MAX_SLOTS`].
    pub const SLOT_BITS: u32 = 11;

    /// Whoever took that slot, one of the first [`MAX_SLOTS`], in that generation.
    #[inline]
    pub const fn new(slot: u32, generation: u32) -> Self {
        debug_assert!(slot < MAX_SLOTS);
        Self((generation as u64) << 32 | (slot as u64 + 1) & Self::SLOT)
    }

    /// The owner that a word names, if it names one. Whether there is such a slot is another question.
    #[inline]
    pub const fn in_word(word: u64) -> Option<Self> {
        if word & Self::SLOT == 0 { None } else { Some(Self(word & Self::BITS)) }
    }

    /// The one whose bits these are.
    #[inline]
    pub(crate) const fn of_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// As the bits of a word.
    #[inline]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The slot's number.
    #[inline]
    pub const fn slot(self) -> u32 {
        #[allow(clippy::cast_possible_truncation)] // 11 bits
        let number = (self.0 & Self::SLOT) as u32;
        number.wrapping_sub(1)
    }

    /// How often the slot has been taken: not zero, unless a word names what nobody has been.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // the high half
    pub const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

const _: () = assert!(MAX_SLOTS as u64 <= Owner::SLOT, "slot + 1 fits");

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (slot, generation) = (self.slot(), self.generation());
        f.debug_struct("Owner").field("slot", &slot).field("generation", &generation).finish()
    }
}
