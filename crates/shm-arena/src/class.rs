//! Size classes: the lengths that blocks have, four per doubling.

/// The smallest block in bytes.
const SMALLEST: u64 = 64;

/// Size classes, from 64 bytes to 64 MiB.
pub(crate) const CLASSES: usize = 81;

/// The most bytes of addresses that a slab has, unless one block has more.
const SLAB_BYTES: u64 = 64 << 20;

/// The strongest alignment of a block in bytes, and that of slabs.
pub(crate) const MOST_ALIGN: u64 = 4096;

/// A size class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class(
    // Invariant: less than CLASSES.
    u8,
);

impl Class {
    /// The class of that number, if there is one.
    pub(crate) fn of(number: u8) -> Option<Self> {
        (usize::from(number) < CLASSES).then_some(Self(number))
    }

    pub(crate) fn number(self) -> u8 {
        self.0
    }

    /// The smallest class whose blocks hold `len` bytes at a multiple of `align`.
    pub(crate) fn fitting(len: u64, align: u64) -> Option<Self> {
        if align > MOST_ALIGN || !align.is_power_of_two() {
            return None;
        }
        let mut classes = (0..=u8::MAX).map_while(Self::of);
        let fits = |class: &Self| class.bytes() >= len && class.bytes().is_multiple_of(align);
        // The first that is large enough is close by; the aligned one is at most three further.
        let octave = (len.max(SMALLEST) - 1).checked_ilog2().map_or(0, |log| log.saturating_sub(6));
        classes
            .nth(usize::try_from(octave).ok()?.saturating_mul(4))
            .filter(fits)
            .or_else(|| classes.find(fits))
    }

    /// Bytes of a block.
    pub(crate) fn bytes(self) -> u64 {
        let (doublings, quarter) = (self.0 / 4, u64::from(self.0 % 4));
        (SMALLEST << doublings) / 4 * (4 + quarter)
    }

    /// Blocks of a slab: at most 64.
    pub(crate) fn count(self) -> u32 {
        let count = (SLAB_BYTES / self.bytes()).clamp(1, 64);
        u32::try_from(count).unwrap_or(1)
    }

    /// A bit for each block of a slab.
    pub(crate) fn blocks(self) -> u64 {
        u64::MAX >> (64 - self.count())
    }

    /// Bytes of a slab: a multiple of [`MOST_ALIGN`].
    pub(crate) fn slab_bytes(self) -> u64 {
        (self.bytes() * u64::from(self.count())).next_multiple_of(MOST_ALIGN)
    }

    /// Whether the memory of a freed block goes back to the system.
    pub(crate) fn is_discarded(self) -> bool {
        self.bytes() >= 64 << 10
    }
}

/// The most bytes of an array.
pub(crate) const LARGEST: u64 = SMALLEST << 20;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn classes_grow_by_a_quarter_at_most() {
        let classes: Vec<_> = (0..=u8::MAX).map_while(Class::of).collect();
        assert_eq!(classes.len(), CLASSES);
        assert_eq!(classes[0].bytes(), 64);
        assert_eq!(classes[CLASSES - 1].bytes(), LARGEST);
        for pair in classes.windows(2) {
            let (one, next) = (pair[0].bytes(), pair[1].bytes());
            assert!(next > one && next * 4 <= one * 5, "{one} and {next}");
            assert!(pair[0].slab_bytes() <= SLAB_BYTES.max(one));
        }
    }

    #[test]
    fn the_class_is_the_smallest_that_fits() {
        for len in (0..=70_000).chain([LARGEST - 1, LARGEST]) {
            let class = Class::fitting(len, 1).unwrap();
            assert!(class.bytes() >= len);
            let smaller = class.number().checked_sub(1).and_then(Class::of);
            assert!(smaller.is_none_or(|smaller| smaller.bytes() < len), "{len}");
        }
        assert_eq!(Class::fitting(LARGEST + 1, 1), None);
        assert_eq!(Class::fitting(u64::MAX, 1), None);
        for align in [64, 128, 1024, 4096] {
            for len in [1, 63, 65, 4097, 5000, 60_000] {
                let class = Class::fitting(len, align).unwrap();
                assert!(class.bytes() >= len && class.bytes().is_multiple_of(align));
            }
        }
        assert_eq!(Class::fitting(1, 8192), None);
    }
}
