//! How large an arena is, and where its tables lie in its segment.

use std::ops::Range;

use shm_core::{ErrorKind, Header, Result};

use crate::words::{PAGE, Present, Record, SLAB, SLOTS, Slab};

/// What the first word of an arena says: `SHMARENA`, read as a number.
pub(crate) const MAGIC: u64 = u64::from_be_bytes(*b"SHMARENA");

/// Tables begin at multiples of so many bytes.
const UNIT: u64 = 4096;

/// Blocks begin at a multiple of so many bytes: that of a huge page.
const DATA_UNIT: u64 = 2 << 20;

/// How large an arena can become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    arrays: u32,
    reserve: u64,
}

impl Default for Geometry {
    /// For a million arrays in 64 GiB of addresses.
    fn default() -> Self {
        Self { arrays: 1 << 20, reserve: 64 << 30 }
    }
}

impl Geometry {
    /// The most arrays that an arena can be for.
    pub const MOST_ARRAYS: u32 = 1 << 24;

    /// For at least so many arrays, in so many bytes of addresses: those of the tables and of all
    /// blocks. Memory is taken when it is used.
    ///
    /// Blocks come in slabs of up to 64 of one size, so arrays of many sizes need more of both.
    ///
    /// # Errors
    /// [`ErrorKind::LimitReached`] for more than [`MOST_ARRAYS`](Self::MOST_ARRAYS), or fewer
    /// addresses than the tables and one block need.
    pub fn new(arrays: u32, reserve: u64) -> Result<Self> {
        let refuse = |limit, value, hint| {
            Err(ErrorKind::LimitReached { limit, value: Some(value), hint }.into())
        };
        if arrays > Self::MOST_ARRAYS {
            let hint = "make several arenas";
            return refuse("arrays of an arena", Self::MOST_ARRAYS.into(), hint);
        }
        let arrays = arrays.max(1).next_multiple_of(u32::try_from(PAGE).unwrap_or(1));
        let geometry = Self { arrays, reserve };
        let least = geometry.least_reserve();
        if reserve < least || i64::try_from(reserve).is_err() {
            return refuse("addresses of an arena", least, "its tables and a block need so many");
        }
        Ok(geometry)
    }

    /// Arrays that there can be at a time.
    pub fn arrays(&self) -> u32 {
        self.arrays
    }

    /// Bytes of addresses.
    pub fn reserve(&self) -> u64 {
        self.reserve
    }

    /// The same with half of the addresses, if those are enough.
    pub(crate) fn halved(self) -> Option<Self> {
        let reserve = self.reserve / 2;
        (reserve >= self.least_reserve()).then_some(Self { reserve, ..self })
    }

    /// Bytes that the data of a new segment has at the least: those of the tables, which are a hole at
    /// first.
    pub fn table_bytes(&self) -> u64 {
        self.tables_from(0).end + UNIT
    }

    fn least_reserve(&self) -> u64 {
        self.tables_from(0).end + 2 * DATA_UNIT
    }

    /// Where everything lies in the segment of that header.
    pub(crate) fn tables(&self, header: &Header) -> Tables {
        self.tables_from(root(header))
    }

    fn tables_from(&self, root: u64) -> Tables {
        let arrays = u64::from(self.arrays);
        let mut end = root + UNIT;
        let mut next = |count: u64, bytes: usize| {
            let start = end;
            end = (start + count * bytes as u64).next_multiple_of(UNIT);
            start
        };
        let slabs = next(arrays / SLAB as u64, size_of::<Slab>());
        let present = next(arrays / PAGE as u64, size_of::<Present>());
        let records = next(arrays, size_of::<Record>());
        let rows = next(arrays * SLOTS as u64, size_of::<u64>());
        Tables { slabs, present, records, rows, end }
    }
}

/// Where the first word of an arena lies, in bytes from the segment's start.
pub(crate) fn root(header: &Header) -> u64 {
    header.data_offset().next_multiple_of(UNIT)
}

/// Where the tables lie, in bytes from the segment's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tables {
    pub(crate) slabs: u64,
    pub(crate) present: u64,
    pub(crate) records: u64,
    pub(crate) rows: u64,
    pub(crate) end: u64,
}

impl Tables {
    /// The bytes that are for blocks, of so many.
    pub(crate) fn data(&self, reserve: u64) -> Range<u64> {
        self.end.next_multiple_of(DATA_UNIT)..reserve
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(Geometry::new(Geometry::MOST_ARRAYS + 1, 1 << 40).is_err());
        assert!(Geometry::new(1 << 20, 1 << 30).is_err(), "the rows alone have so many");
        assert!(Geometry::new(1, u64::MAX).is_err());
        let small = Geometry::new(0, 8 << 20).unwrap();
        assert_eq!(small.arrays(), 512);
        assert!(small.halved().is_none());
        assert_eq!(Geometry::default(), Geometry::new(1 << 20, 64 << 30).unwrap());
    }
}
