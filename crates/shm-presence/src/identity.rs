//! The identity of a participant: a slot that is its own until its address space ends.

use std::fs::File;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use shm_core::{ErrorKind, MAX_SLOTS, Result, SlotLocks};
use shm_map::Anchor;

use crate::bytes::Bytes;
use crate::fork::{self, ForkSafe};
use crate::os;
use crate::owner::Owner;

/// A slot of a segment, taken at the first need and held by this address space.
///
/// One value serves an attachment for its whole life, across forks: the kernel frees the slot when
/// the address space that took it ends, however it ends, and a forked child, which holds nothing
/// at first, takes one of its own. Dropping it gives the slot back.
#[derive(Debug, Default)]
pub struct Identity {
    /// What was taken, as bits.
    owner: AtomicU64,
    /// The fork generation that it was taken in; zero before. Written after `owner`,
    /// once in each process: a thread that reads this process's generation here reads its owner there.
    born: AtomicU64,
    /// What keeps the slot, since `born`.
    anchor: ForkSafe<Option<Anchor>>,
}

impl Identity {
    /// One that holds no slot yet.
    pub const fn new() -> Self {
        Self { owner: AtomicU64::new(0), born: AtomicU64::new(0), anchor: ForkSafe::new(None) }
    }

    /// The slot that this process holds, if it has taken one: not if it is a forked child of the
    /// one that has. No system call: two loads.
    #[inline]
    pub fn owner(&self) -> Option<Owner> {
        self.is_of_this_process().then(|| Owner::of_bits(self.owner.load(Relaxed)))
    }

    /// Whether it is that one, taken by this process.
    #[inline]
    pub fn is(&self, owner: Owner) -> bool {
        self.is_of_this_process() && self.owner.load(Relaxed) == owner.bits()
    }

    /// The slot that this process holds, or takes the first free one of `count`.
    ///
    /// `open` opens the lock file afresh, as [`Identified::open_locks`](shm_core::Identified) does.
    /// `raise` gets the slot's number while its byte is locked, adds one to the generation that is
    /// recorded for it in the segment (skipping zero), and returns the result; in a read-only
    /// attachment it has nothing to write. Neither may fork, nor create, attach or drop an array.
    ///
    /// # Errors
    /// [`ErrorKind::LimitReached`] if all slots are taken; [`ErrorKind::Os`]; those of `open`.
    pub fn take(
        &self,
        open: impl FnOnce() -> Result<SlotLocks>,
        count: u32,
        raise: impl FnOnce(u32) -> u32,
    ) -> Result<Owner> {
        if let Some(owner) = self.owner() {
            return Ok(owner);
        }
        // A fork while the file is open would hand the lock to the child.
        self.anchor.with(|anchor| {
            if let Some(owner) = self.owner() {
                return Ok(owner); // another thread was first
            }
            let SlotLocks { file, first } = open()?;
            for slot in 0..count.min(MAX_SLOTS) {
                if os::try_exclusive(&file, Bytes::slot(first, slot)?)? {
                    let owner = Owner::new(slot, raise(slot));
                    debug_assert_ne!(owner.generation(), 0, "that of a slot nobody has had");
                    std::mem::forget(anchor.replace(Anchor::new(file)?)); // a parent's, if any
                    self.owner.store(owner.bits(), Relaxed);
                    self.born.store(fork::generation(), Release);
                    return Ok(owner);
                }
            }
            let (limit, value) = ("slots of a segment", Some(count.into()));
            let hint = "so many participants hold locks or claims in it already; an array is made with more \
                        by `slots`";
            Err(ErrorKind::LimitReached { limit, value, hint }.into())
        })
    }

    #[inline]
    fn is_of_this_process(&self) -> bool {
        self.born.load(Acquire) == fork::generation()
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        if !self.is_of_this_process() {
            // The page was never in this address space, and may be somebody else's here. (An anchor
            // compares process ids, which are 1 on both sides of a new PID namespace.)
            std::mem::forget(self.anchor.get_mut().take());
        }
    }
}

/// Locks a slot that nobody alive holds, until the file is closed, and tells whether it could. The
/// caller opened the file afresh for this, and runs under [`ForkSafe`]: a fork before the file is closed
/// would hand the lock to the child.
///
/// # Errors
/// [`ErrorKind::LimitReached`], [`ErrorKind::Os`].
pub fn try_slot(locks: &SlotLocks, slot: u32) -> Result<bool> {
    os::try_exclusive(&locks.file, Bytes::slot(locks.first, slot)?)
}

/// Whether somebody alive holds that slot, in this process or another.
///
/// Asks the kernel and takes nothing; any access to the file will do.
///
/// # Errors
/// [`ErrorKind::Os`].
pub fn is_held(locks: SlotLocks<&File>, slot: u32) -> Result<bool> {
    os::is_held_elsewhere(locks.file, Bytes::slot(locks.first, slot)?)
}
