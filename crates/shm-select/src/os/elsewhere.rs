//! Systems without a file of their own: what is known without asking.

use shm_core::BackendKind;

use crate::space::Space;

/// Why the system refuses a backend; `None` if it works.
pub(crate) fn refusal(backend: BackendKind) -> Option<String> {
    let os = std::env::consts::OS;
    match backend {
        BackendKind::Memfd => Some(format!("{os} has no memfd_create")),
        BackendKind::Mmap if !cfg!(unix) => Some(format!("{os} has no fork")),
        _ => None,
    }
}

/// Named shared memory has no limit of its own that could be asked for.
pub(crate) fn shm_space() -> Option<Space> {
    None
}

pub(crate) fn overcommit() -> Option<u8> {
    None
}
