//! A guarded array chunk by chunk, whose type is known at run time only: owned chunks.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use ndarray::{Slice, SliceInfoElem};
use shm_core::Result;
use shm_sync::{Claim, Round, RoundProgress, Wait};

use super::ErasedArray;
use super::elements::ErasedElementsMut;
use crate::attachment::Attachment;

impl ErasedArray {
    /// The array in chunks of `rows` along an axis, for one of many rounds, as
    /// [`GuardedArray::chunks_of_round`](crate::GuardedArray::chunks_of_round).
    ///
    /// # Errors
    /// [`GuardMismatch`](shm_core::ErrorKind::GuardMismatch) if it is not guarded;
    /// [`AccessDenied`](shm_core::ErrorKind::AccessDenied) if this process may only read it; those of
    /// [`GuardedArray::chunks_of_round`](crate::GuardedArray::chunks_of_round).
    pub fn chunks_of_round(&self, number: u32, axis: usize, rows: usize) -> Result<ErasedChunks> {
        let words = self.guarded_words()?;
        self.check_whole()?;
        Ok(ErasedChunks { round: words.round(number, axis, rows)?, array: self.clone(), axis })
    }
}

/// The chunks of one round over an array, as one of its workers gets them. It keeps the array attached.
#[must_use = "it hands out chunks only if it is asked for them"]
pub struct ErasedChunks {
    array: ErasedArray,
    round: Round<Arc<Attachment>>,
    axis: usize,
}

impl ErasedChunks {
    /// The next chunk, or none if all are done, as [`Chunks::claim_within`](crate::sync::Chunks::claim_within).
    ///
    /// # Errors
    /// Those of [`Chunks::claim_within`](crate::sync::Chunks::claim_within).
    pub fn claim_within<'w>(&self, wait: impl Into<Wait<'w>>) -> Result<Option<ErasedChunk>> {
        let Some(claim) = self.round.claim(wait)? else { return Ok(None) };
        let mut part = vec![SliceInfoElem::from(..); self.array.ndim()];
        part[self.axis] = Slice::from(claim.rows()).into();
        Ok(Some(ErasedChunk { array: self.array.slice(part)?, claim }))
    }

    /// How far the round is, in chunks. Others go on meanwhile.
    ///
    /// # Errors
    /// [`Corrupt`](shm_core::ErrorKind::Corrupt).
    pub fn progress(&self) -> Result<RoundProgress> {
        self.round.progress()
    }

    /// Waits until more than `seen` chunks are done, or all are, as
    /// [`Chunks::wait_past`](crate::sync::Chunks::wait_past).
    ///
    /// # Errors
    /// Those of [`Chunks::wait_past`](crate::sync::Chunks::wait_past).
    pub fn wait_past<'w>(&self, seen: u32, wait: impl Into<Wait<'w>>) -> Result<RoundProgress> {
        self.round.wait_past(seen, wait)
    }
}

/// A chunk of a guarded array: some of its rows, for this worker alone. It keeps the array attached.
///
/// As a [`Chunk`](crate::sync::Chunk), it must be said to be [`done`](Self::done).
#[must_use = "a chunk that is dropped is handed out again"]
pub struct ErasedChunk {
    array: ErasedArray,
    claim: Claim<Arc<Attachment>>,
}

impl ErasedChunk {
    /// Its elements: the rows of its [`range`](Self::range).
    pub fn elements(&self) -> ErasedElementsMut<'_> {
        ErasedElementsMut::new(&self.array)
    }

    /// Its number in the round.
    pub fn index(&self) -> u32 {
        self.claim.index()
    }

    /// Which rows of the array it has, along the axis that is divided.
    pub fn range(&self) -> Range<usize> {
        self.claim.rows()
    }

    /// Whether another worker had it before and did not finish: its elements are anything between
    /// untouched and done.
    pub fn is_retry(&self) -> bool {
        self.claim.is_retry()
    }

    /// It is done: nobody gets it again in this round.
    pub fn done(self) {
        self.claim.done();
    }
}

impl fmt::Debug for ErasedChunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { array, round, .. } = self;
        f.debug_struct("ErasedChunks").field("array", array).field("round", round).finish()
    }
}

impl fmt::Debug for ErasedChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (index, range) = (self.index(), self.range());
        f.debug_struct("ErasedChunk").field("index", &index).field("range", &range).finish()
    }
}
