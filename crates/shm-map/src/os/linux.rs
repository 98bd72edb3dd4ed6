//! Linux.

pub(super) mod anchor;
pub(super) mod cgroup;
pub(super) mod file;
pub(super) mod limits;
pub(super) mod memfd;
#[cfg(not(miri))]
pub(super) mod memory;
pub(super) mod pages;
