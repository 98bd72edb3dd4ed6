//! The space check: what is too much for the file system or the machine is refused before any of it
//! is reserved.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use shm_core::{Error, ErrorKind, Result};

use crate::os::{self, BorrowedFile};

/// More bytes than these are always checked. Fewer are checked only where memory may be short: of a
/// full file system the kernel's refusal comes as soon.
pub(crate) const UNCHECKED: u64 = 16 << 20;

/// What the space check calls the place that a segment's file takes its space from.
pub const FILE_SYSTEM: &str = "the shared-memory file system";
const MACHINE: &str = "this machine";
const CGROUP: &str = "this process's cgroup";

/// Whether a [`NoSpace`](ErrorKind::NoSpace) is of memory: no other backend has more of it.
pub fn is_memory_short(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NoSpace { place, .. } if place == MACHINE || place == CGROUP)
}

/// Where space would run out first, and how many bytes there are.
#[derive(Clone, Copy)]
struct Free {
    bytes: u64,
    place: &'static str,
}

impl Free {
    fn least(places: impl IntoIterator<Item = Option<Self>>) -> Option<Self> {
        places.into_iter().flatten().min_by_key(|free| free.bytes)
    }

    fn refuse(self, needs: u64) -> Result<()> {
        if needs <= self.bytes {
            return Ok(());
        }
        let (has, place) = (Some(self.bytes), self.place.into());
        Err(ErrorKind::NoSpace { needs, has, place }.into())
    }
}

/// The least of what the machine and this process's cgroup have left, where they tell.
fn free_memory() -> Option<Free> {
    let free = |place| move |bytes| Free { bytes, place };
    let machine = os::memory_available().map(free(MACHINE));
    let cgroup = os::cgroup().and_then(|cgroup| cgroup.free()).map(free(CGROUP));
    Free::least([machine, cgroup])
}

/// The least of what the file's file system, the machine and this process's cgroup have left for it,
/// where they tell. What the file has already is counted as free for it.
fn free_space(file: Option<BorrowedFile<'_>>) -> Option<Free> {
    let own = file.map_or(0, os::allocated);
    let memory = free_memory();
    allowance::renew(memory.map_or(u64::MAX, |free| free.bytes));
    let file_system = file.and_then(os::file_system_free);
    let file_system = file_system.map(|bytes| Free { bytes, place: FILE_SYSTEM });
    let mut least = Free::least([file_system, memory])?;
    least.bytes = least.bytes.saturating_add(own);
    Some(least)
}

/// Bytes of small arrays that need no look at the memory that is left.
mod allowance {
    use super::*;

    static LEFT: AtomicU64 = AtomicU64::new(0); // nobody has looked yet

    /// Tells whether so many bytes are in the allowance.
    pub(super) fn take(bytes: u64) -> bool {
        LEFT.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }

    /// A small part of what is free: others take of it as well.
    pub(super) fn renew(free: u64) {
        LEFT.store(free / 16, Relaxed);
    }
}

/// Refuses what this machine, or this process's cgroup, could not hold even if it had nothing else to
/// do, where nothing is reserved in advance. Asks the system once, and again before it refuses.
///
/// # Errors
/// [`ErrorKind::NoSpace`] with what is needed and what the machine or the cgroup can hold.
pub fn check_machine(needs: u64) -> Result<()> {
    static MOST: AtomicU64 = AtomicU64::new(0); // not asked yet
    if needs <= MOST.load(Relaxed) {
        return Ok(());
    }
    let machine = os::memory_total().map(|bytes| Free { bytes, place: MACHINE });
    let cgroup = os::cgroup().and_then(|cgroup| Some(cgroup.limit?.saturating_add(cgroup.swap)));
    let cgroup = cgroup.map(|bytes| Free { bytes, place: CGROUP });
    let most = Free::least([machine, cgroup]);
    MOST.store(most.map_or(u64::MAX, |most| most.bytes), Relaxed);
    most.map_or(Ok(()), |most| most.refuse(needs))
}

/// Refuses what can never fit before any of it is reserved or written. Otherwise the kernel would fill
/// the file system first, and where that has no limit of its own, the machine; and it kills a process
/// that reaches the limit of its cgroup.
///
/// # Errors
/// [`ErrorKind::NoSpace`] with what is needed and what is free.
pub(crate) fn check_room(file: Option<BorrowedFile<'_>>, needs: u64) -> Result<()> {
    if needs <= UNCHECKED && allowance::take(needs) {
        return Ok(());
    }
    free_space(file).map_or(Ok(()), |free| free.refuse(needs))
}

/// The error for space that the system refused, with what is free where that explains it.
pub(crate) fn no_space(file: Option<BorrowedFile<'_>>, needs: u64, refusal: &io::Error) -> Error {
    let explained = free_space(file).map_or(Ok(()), |free| free.refuse(needs));
    explained.err().unwrap_or_else(|| {
        let place = if os::is_quota(refusal) {
            "this user's quota".into()
        } else {
            "a limit that no figure shows".into()
        };
        ErrorKind::NoSpace { needs, has: None, place }.into()
    })
}
