//! Plan, cursor and task as the bits of one word each.

use std::fmt;

use shm_core::{ErrorKind, Result};

use super::invalid;

/// The most chunks of a round.
pub(crate) const MAX_CHUNKS: u64 = (1 << 27) - 1;
/// The most rows of a chunk, unless it is the whole axis.
pub(crate) const MAX_ROWS: u64 = (1 << 30) - 1;
/// The highest number of a round, counted from 1.
pub(crate) const MAX_ROUND: u32 = (1 << 27) - 1;
/// The most axes of an array that can be divided.
const MAX_AXIS: u64 = (1 << 7) - 1;
const MAX_ENTRY: u64 = (1 << 10) - 1;
const _: () = assert!(shm_core::MAX_SLOTS as u64 <= MAX_ENTRY + 1);

/// Bits `from..to` of a word.
fn bits(word: u64, from: u32, to: u32) -> u64 {
    (word >> from) & ((1 << (to - from)) - 1)
}

fn small(bits: u64) -> u32 {
    crate::words::low_half(bits)
}

/// How the array is divided in a round: into chunks of so many rows along an axis.
///
/// Bits 0..7 axis, 7..37 rows (0: the whole axis), 37..64 round. Round 0 is none, before the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) round: u32,
    pub(crate) axis: u32,
    pub(crate) rows: u32,
}

impl Plan {
    /// The division of round `number`, counted from 0, into chunks of `rows` along `axis`.
    pub(crate) fn new(number: u32, shape: &[usize], axis: usize, rows: usize) -> Result<Self> {
        let Some(&len) = shape.get(axis) else {
            let ndim = shape.len();
            return Err(invalid(format!("there is no axis {axis} in {ndim} dimensions")));
        };
        if rows == 0 {
            return Err(invalid("chunks of 0 rows".into()));
        }
        if number >= MAX_ROUND {
            return Err(invalid(format!("round {number}: the last is {}", MAX_ROUND - 1)));
        }
        let whole = rows >= len;
        let (many, axis_bits) = (rows as u64, axis as u64);
        if (!whole && many > MAX_ROWS) || axis_bits > MAX_AXIS {
            return Err(invalid(format!(
                "chunks of {rows} rows along axis {axis}: at most {MAX_ROWS} rows, or the whole axis"
            )));
        }
        let rows = if whole { 0 } else { small(many) };
        let plan = Self { round: number + 1, axis: small(axis_bits), rows };
        plan.chunks(shape)?;
        Ok(plan)
    }

    pub(crate) fn of(word: u64) -> Self {
        Self {
            round: small(bits(word, 37, 64)),
            axis: small(bits(word, 0, 7)),
            rows: small(bits(word, 7, 37)),
        }
    }

    pub(crate) fn word(self) -> u64 {
        u64::from(self.round) << 37 | u64::from(self.rows) << 7 | u64::from(self.axis)
    }

    /// The round as users count it.
    pub(crate) fn number(self) -> i64 {
        i64::from(self.round) - 1
    }

    /// How many chunks it makes of an array of that shape.
    pub(crate) fn chunks(self, shape: &[usize]) -> Result<u32> {
        if self.round == 0 {
            return Ok(0);
        }
        let Some(&len) = shape.get(self.axis as usize) else {
            let reason = format!("a division along axis {} of shape {shape:?}", self.axis);
            return Err(ErrorKind::Corrupt { what: "the claims of a segment", reason }.into());
        };
        let rows = if self.rows == 0 { len.max(1) } else { self.rows as usize };
        let chunks = len.div_ceil(rows) as u64;
        if chunks > MAX_CHUNKS {
            return Err(invalid(format!("{len} rows are {chunks} chunks, at most {MAX_CHUNKS}")));
        }
        Ok(small(chunks))
    }

    /// The rows of a chunk.
    pub(crate) fn range(self, shape: &[usize], chunk: u32) -> std::ops::Range<usize> {
        let len = shape.get(self.axis as usize).copied().unwrap_or(0);
        let rows = if self.rows == 0 { len } else { self.rows as usize };
        let start = rows.saturating_mul(chunk as usize).min(len);
        start..start.saturating_add(rows).min(len)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "axis {} in round {} ", self.axis, self.number())?;
        match self.rows {
            0 => f.write_str("into one chunk"),
            rows => write!(f, "into chunks of {rows} rows"),
        }
    }
}

/// Which chunk is next, and which entry took the one before.
///
/// Bits 0..10 entry, 10..37 next, 37..64 round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) round: u32,
    pub(crate) next: u32,
    pub(crate) entry: usize,
}

impl Cursor {
    pub(crate) fn of(word: u64) -> Self {
        Self {
            round: small(bits(word, 37, 64)),
            next: small(bits(word, 10, 37)),
            entry: small(bits(word, 0, 10)) as usize,
        }
    }

    pub(crate) fn word(self) -> u64 {
        let entry = self.entry as u64 & MAX_ENTRY;
        u64::from(self.round) << 37 | u64::from(self.next) << 10 | entry
    }
}

/// What an entry is about.
///
/// Bits 0..7 state, 7..37 chunk, 37..64 round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) round: u32,
    pub(crate) chunk: u32,
    state: u64,
}

const IDLE: u64 = 0;
const WANTS: u64 = 1;
const HOLDS: u64 = 2;
const HOLDS_RETRY: u64 = 3;

impl Task {
    pub(crate) fn of(word: u64) -> Self {
        Self {
            round: small(bits(word, 37, 64)),
            chunk: small(bits(word, 7, 37)),
            state: bits(word, 0, 7),
        }
    }

    pub(crate) fn word(self) -> u64 {
        u64::from(self.round) << 37 | u64::from(self.chunk) << 7 | self.state
    }

    pub(crate) fn idle(round: u32, chunk: u32) -> Self {
        Self { round, chunk, state: IDLE }
    }

    pub(crate) fn wants(round: u32, chunk: u32) -> Self {
        Self { round, chunk, state: WANTS }
    }

    pub(crate) fn holds(round: u32, chunk: u32, is_retry: bool) -> Self {
        Self { round, chunk, state: if is_retry { HOLDS_RETRY } else { HOLDS } }
    }

    /// Whether it is held, by its owner or until somebody takes it.
    pub(crate) fn is_held(self) -> bool {
        matches!(self.state, HOLDS | HOLDS_RETRY)
    }

    pub(crate) fn is_held_in(self, round: u32) -> bool {
        self.is_held() && self.round == round
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_holds_the_last_of_everything() {
        let most = u32::try_from(MAX_CHUNKS).unwrap();
        for (round, next, entry) in
            [(MAX_ROUND, most, 1023), (1, 0, 1023), (0, most, 0), (1, 1, 128)]
        {
            let cursor = Cursor { round, next, entry };
            assert_eq!(Cursor::of(cursor.word()), cursor);
        }
    }

    #[test]
    fn more_chunks_than_a_cursor_counts_are_refused() {
        let chunks =
            |rows: usize| Plan::new(0, &[1 << 28], 0, rows).map(|plan| plan.chunks(&[1 << 28]));
        assert_eq!(chunks(3).unwrap().unwrap(), 89_478_486);
        for rows in [1, 2] {
            assert!(
                chunks(rows).is_err_and(|error| error.to_string().contains("at most 134217727"))
            );
        }
    }
}
