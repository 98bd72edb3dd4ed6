//! Which bytes of a segment's lock range mean what.

use shm_core::{ErrorKind, Result};

/// Far beyond any file's size, so no byte of data is spent; locks work there all the same.
const BASE: i64 = 1 << 62;

/// Bytes beyond the end of any file, and what they stand for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes {
    pub(crate) first: i64,
    pub(crate) count: i64,
}

impl Bytes {
    /// One, held shared by every process that has the segment mapped.
    pub(crate) const PRESENCE: Self = Self { first: BASE, count: 1 };
    /// One, held exclusively by the process that changes what the segment's name means.
    pub(crate) const NAME: Self = Self { first: BASE + 1, count: 1 };
    /// Those two: one call gives both up.
    pub(crate) const PRESENCE_AND_NAME: Self = Self { first: BASE, count: 2 };

    /// One, held exclusively by the participant in a slot, where slot 0 is byte `first` of the slots'.
    pub(crate) fn slot(first: u64, slot: u32) -> Result<Self> {
        const START: i64 = BASE + 4096;
        let offset = first
            .checked_add(slot.into())
            .and_then(|place| START.checked_add_unsigned(place))
            .filter(|offset| *offset < i64::MAX); // where a byte would have no end
        offset.map(|first| Self { first, count: 1 }).ok_or_else(|| {
            let (limit, value) = ("lock bytes of a file", Some(START.abs_diff(i64::MAX)));
            ErrorKind::LimitReached { limit, value, hint: "there is no slot beyond them" }.into()
        })
    }
}
