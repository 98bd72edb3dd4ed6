//! The identity of a participant: a slot that is its own until its address space ends.

use std::os::fd::{AsFd, BorrowedFd};

use shm_core::{Access, ErrorKind, Result};
use shm_map::Anchor;

use crate::ofd::{self, Byte};
use crate::{fork, reopen};

/// A slot of a segment, held by this address space.
///
/// The kernel frees it when the address space ends, however it ends; forked children do not keep
/// it. A word that names slot and generation belongs to somebody dead once the slot's generation
/// is another, or the slot is not [`is_alive`](Self::is_alive).
#[derive(Debug)]
pub struct Identity {
    slot: u32,
    generation: u32,
    born: u64,
    _anchor: Anchor,
}

impl Identity {
    /// Takes the first free of `count` slots.
    ///
    /// `raise` gets the slot while it is already locked, adds one to the generation that is
    /// recorded for it in the segment, and returns the result.
    ///
    /// # Errors
    /// [`ErrorKind::LimitReached`] if all slots are taken; [`ErrorKind::AccessDenied`] if the
    /// segment may not be opened for writing; [`ErrorKind::Os`].
    pub fn take(
        segment: BorrowedFd<'_>,
        count: u32,
        raise: impl FnOnce(u32) -> u32,
    ) -> Result<Self> {
        // A fork before the descriptor is closed would hand the lock to the child.
        fork::uninterrupted(|| {
            let own = reopen(segment, Access::ReadWrite)?;
            for slot in 0..count {
                if ofd::try_exclusive(own.as_fd(), Byte::Slot(slot))? {
                    let generation = raise(slot);
                    let (born, _anchor) = (fork::generation(), Anchor::new(own)?);
                    return Ok(Self { slot, generation, born, _anchor });
                }
            }
            let (limit, value) = ("slots of a segment", Some(count.into()));
            let hint = "so many participants hold locks or claims in it already";
            Err(ErrorKind::LimitReached { limit, value, hint }.into())
        })
    }

    /// The slot's number.
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// The slot's generation since this was taken.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Whether it belongs to this process: a forked child must take one of its own.
    pub fn is_mine(&self) -> bool {
        self.born == fork::generation()
    }

    /// Whether somebody alive holds that slot of the segment, other than through `segment`'s own
    /// description (which never holds one).
    ///
    /// # Errors
    /// [`ErrorKind::Os`].
    pub fn is_alive(segment: BorrowedFd<'_>, slot: u32) -> Result<bool> {
        ofd::is_held_elsewhere(segment, Byte::Slot(slot))
    }
}
