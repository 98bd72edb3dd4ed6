//! An arena, as a process uses it.

use std::fmt;
use std::sync::Arc;

use shm_core::{ErrorKind, Handover, Identified, Result};

use crate::attachment::Attachment;
use crate::block::{Block, Draft};
use crate::class::{Class, LARGEST, MOST_ALIGN};
use crate::geometry::Geometry;
use crate::slab::Full;
use crate::stats::Stats;
use crate::words::META_LEN;

/// Many blocks in one segment. Clones share the attachment.
///
/// A process takes a slot at its first [`create`](Self::create_block) or
/// [`attach`](Self::attach_block), as it does for a lock.
pub struct Arena<S>(pub(crate) Arc<Attachment<S>>);

impl<S> Clone for Arena<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Identified + Handover> Arena<S> {
    /// Makes an arena in a new segment that no other process has yet. Its data are zeros, at least
    /// [`Geometry::table_bytes`] of them.
    ///
    /// Where the address space has a limit, the arena has a half, a quarter, … of the addresses that
    /// `geometry` says. The file of the segment can be made longer and never becomes shorter: the
    /// kernel keeps that by `F_SEAL_SHRINK`.
    ///
    /// # Errors
    /// [`ErrorKind::AccessDenied`] if the segment is open for reading only;
    /// [`ErrorKind::LimitReached`] if the address space has too little room;
    /// [`ErrorKind::Truncated`] if the segment is too short for the tables.
    pub fn create(segment: S, geometry: Geometry) -> Result<Self> {
        Attachment::create(segment, geometry).map(|attachment| Self(Arc::new(attachment)))
    }

    /// Attaches an arena.
    ///
    /// # Errors
    /// [`ErrorKind::NotASegment`] if the segment is no arena; [`ErrorKind::AccessDenied`] if it is
    /// open for reading only, as each process writes down what it holds;
    /// [`ErrorKind::LimitReached`] if the address space has no room for it;
    /// [`ErrorKind::Truncated`] if the file is shorter than its tables.
    pub fn attach(segment: S) -> Result<Self> {
        Attachment::attach(segment).map(|attachment| Self(Arc::new(attachment)))
    }

    /// Takes a block of `len` bytes, which begins at a multiple of `align` bytes and of 64. Others can
    /// attach to it, and find `meta` there, once it is [published](Draft::publish).
    ///
    /// Before the arena grows or is full, it frees what dead processes alone had.
    ///
    /// # Errors
    /// [`ErrorKind::LimitReached`] for a block that is larger than the largest class (64 MiB) or an
    /// alignment above 4096 bytes, if the arena is full, or if all slots are taken;
    /// [`ErrorKind::NoSpace`] if the system has no memory for a longer file;
    /// [`ErrorKind::Corrupt`] if the tables have been overwritten.
    pub fn create_block(&self, len: u64, align: u64, meta: &[u8; META_LEN]) -> Result<Draft<S>> {
        let class = Class::fitting(len, align.max(1)).ok_or_else(|| too_large(len, align))?;
        let inner = &*self.0;
        let me = inner.me()?;
        let slot = me.slot() as usize;
        let take = || inner.local.with(|local| inner.slabs().take(slot, class, local, inner));
        let mut taken = take();
        if taken.is_none() && inner.rescue_dead(me)? > 0 {
            taken = take();
        }
        let (index, generation) = loop {
            if let Some(found) = taken {
                break found;
            }
            let grown = inner.local.with(|local| inner.slabs().add(slot, class, local, inner));
            grown.map_err(|full| self.full(full, len))?;
            taken = take();
        };
        Draft::new(self.0.clone(), me, index, generation, len, meta)
    }

    /// Attaches to a published block by its index and generation.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfBounds`] for an index that no block of this arena has;
    /// [`ErrorKind::NoSuchArray`] if the block is free, is being filled or freed, or has another
    /// generation; [`ErrorKind::Corrupt`] if the tables have been overwritten;
    /// [`ErrorKind::LimitReached`] if all slots are taken.
    pub fn attach_block(&self, index: u32, generation: u64) -> Result<Block<S>> {
        let inner = &*self.0;
        let most = inner.geometry.arrays();
        if index >= most {
            let name = inner.name();
            let reason = format!("array {index} of arena {name:?}, which is for {most} arrays");
            return Err(ErrorKind::OutOfBounds { reason }.into());
        }
        let me = inner.me()?;
        let (slot, at) = (me.slot() as usize, index as usize);
        let found = inner.local.with(|_| inner.table().attach(slot, at, generation, inner));
        found.map_err(|state| {
            let reason = format!("it is {:?} in generation {}", state.kind, state.generation);
            ErrorKind::NoSuchArray { arena: inner.name(), index, generation, reason }
        })?;
        Block::held(self.0.clone(), me, at, generation)
    }

    /// Frees what dead processes alone had, and tells how many blocks those were. A process that is
    /// stopped is alive, and keeps what it has.
    ///
    /// # Errors
    /// [`ErrorKind::LimitReached`] if all slots are taken; [`ErrorKind::Os`].
    pub fn collect(&self) -> Result<usize> {
        let me = self.0.me()?;
        self.0.rescue_dead(me)
    }

    /// Counts what is in the arena. Others may change it meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::Os`].
    pub fn stats(&self) -> Result<Stats> {
        Stats::of(&self.0)
    }

    /// How large it can become. The addresses may be fewer than those that were asked for.
    pub fn geometry(&self) -> Geometry {
        self.0.geometry
    }

    /// The segment.
    pub fn segment(&self) -> &S {
        &self.0.segment
    }

    fn full(&self, full: Full, len: u64) -> shm_core::Error {
        let value = Some(self.0.geometry.arrays().into());
        match full {
            Full::Slabs => {
                let hint = "drop some, or make an arena for more";
                ErrorKind::LimitReached { limit: "arrays of the arena", value, hint }.into()
            }
            Full::Addresses(needs, left) => {
                tracing::debug!(needs, left, len, "the addresses of an arena have an end");
                let (limit, value) = ("reserve of the arena", Some(self.0.geometry.reserve()));
                let hint = "drop some arrays, or make an arena with a larger reserve";
                ErrorKind::LimitReached { limit, value, hint }.into()
            }
            Full::Corrupt(slab) => {
                let reason = format!("slab {slab} has a line that is none");
                ErrorKind::Corrupt { what: "an arena", reason }.into()
            }
            Full::Failed(error) => error,
        }
    }
}

fn too_large(len: u64, align: u64) -> ErrorKind {
    let hint = "give it a segment of its own";
    if len > LARGEST {
        return ErrorKind::LimitReached {
            limit: "bytes of an array in an arena",
            value: Some(LARGEST),
            hint,
        };
    }
    tracing::debug!(len, align, "no size class fits");
    let hint = "it is a power of two up to that; beyond, give it a segment of its own";
    ErrorKind::LimitReached { limit: "alignment in an arena", value: Some(MOST_ALIGN), hint }
}

impl<S: Identified + Handover> fmt::Debug for Arena<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arena({:?})", self.0.name())
    }
}
