//! Systems other than Linux: what is known without asking.

use shm_core::BackendKind;

use crate::{Cgroup, Space};

pub(super) fn refusal(backend: BackendKind) -> Option<String> {
    let os = std::env::consts::OS;
    match backend {
        BackendKind::Memfd => Some(format!("{os} has no memfd_create")),
        BackendKind::Mmap if !cfg!(unix) => Some(format!("{os} has no fork")),
        _ => None,
    }
}

/// There is no `/dev/shm`: what named shared memory can take is what the machine can.
pub(crate) fn shm_space() -> Option<Space> {
    None
}

pub(super) fn overcommit() -> Option<u8> {
    None
}

pub(super) fn cgroup() -> Option<Cgroup> {
    None
}
