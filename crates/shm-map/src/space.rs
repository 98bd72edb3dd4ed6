//! The space check: what is too much for the file system or the machine is refused before any of it
//! is reserved.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use shm_core::{Error, ErrorKind, Result};

use crate::os::{self, BorrowedFile};

/// So few bytes are not checked: the kernel's refusal comes as soon.
pub(crate) const UNCHECKED: u64 = 16 << 20;

/// Where memory would run out first, and how many bytes there are.
struct Free {
    bytes: u64,
    place: &'static str,
}

/// The least of what the file's file system, the machine and this process's cgroup have left for it,
/// where they tell. What the file has already is counted as free for it.
fn free_space(file: Option<BorrowedFile<'_>>) -> Option<Free> {
    let own = file.map_or(0, os::allocated);
    let free = |place| move |bytes: u64| Free { bytes: bytes.saturating_add(own), place };
    let file_system =
        file.and_then(os::file_system_free).map(free("the shared-memory file system"));
    let machine = os::memory_available().map(free("this machine"));
    let cgroup = os::cgroup().and_then(|cgroup| cgroup.free()).map(free("this process's cgroup"));
    [file_system, machine, cgroup].into_iter().flatten().min_by_key(|free| free.bytes)
}

/// Refuses what this machine could not hold even if it had nothing else to do, where nothing is
/// reserved in advance. Asks the system once.
///
/// # Errors
/// [`ErrorKind::NoSpace`] with what is needed and what the machine has.
pub fn check_machine(needs: u64) -> Result<()> {
    static TOTAL: AtomicU64 = AtomicU64::new(0); // not asked yet
    let mut total = TOTAL.load(Relaxed);
    if total == 0 {
        total = os::memory_total().unwrap_or(u64::MAX);
        TOTAL.store(total, Relaxed);
    }
    if needs <= total {
        return Ok(());
    }
    let place = "this machine".into();
    Err(ErrorKind::NoSpace { needs, has: Some(total), place }.into())
}

/// Refuses what can never fit before any of it is reserved. Otherwise the kernel would fill the file
/// system first, and where that has no limit of its own, the machine.
pub(crate) fn check_room(file: Option<BorrowedFile<'_>>, needs: u64) -> Result<()> {
    let fits = needs <= UNCHECKED || free_space(file).is_none_or(|free| needs <= free.bytes);
    if fits { Ok(()) } else { Err(no_space(file, needs)) }
}

/// The error for too little space, with what is free where the system tells.
pub(crate) fn no_space(file: Option<BorrowedFile<'_>>, needs: u64) -> Error {
    let free = free_space(file);
    let place = free.as_ref().map_or("this machine", |free| free.place).into();
    ErrorKind::NoSpace { needs, has: free.map(|free| free.bytes), place }.into()
}
