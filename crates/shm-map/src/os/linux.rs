//! Linux.

pub(super) mod anchor;
pub(super) mod cgroup;
pub(super) mod file;
pub(super) mod limits;
pub(super) mod memfd;
#[cfg(not(miri))]
pub(super) mod memory;
pub(super) mod pages;
mod stat;

/// Where this system keeps named shared memory. See `shm_overview(7)`.
pub const SHM_DIRECTORY: &str = "/dev/shm";
