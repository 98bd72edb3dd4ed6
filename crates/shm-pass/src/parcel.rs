//! What goes in and what comes out.

use std::os::fd::{BorrowedFd, OwnedFd};

use shm_core::{BackendKind, ErrorKind, Payload, PayloadRef, Result};

/// An array that arrived: its payload, and the descriptor to attach to. Nothing is checked yet but
/// the form of the payload.
#[derive(Debug)]
pub struct Parcel {
    /// What the sender says it is.
    pub payload: Payload,
    /// The sender's open file description; closed on exec.
    pub fd: OwnedFd,
}

/// An array to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    pub(crate) payload: PayloadRef<'a>,
    pub(crate) fd: BorrowedFd<'a>,
}

impl<'a> Outgoing<'a> {
    /// Puts a payload and its descriptor together.
    ///
    /// # Errors
    /// [`ErrorKind::BackendCannot`] on backend `mmap`, which has no descriptors.
    pub fn new(payload: impl Into<PayloadRef<'a>>, fd: BorrowedFd<'a>) -> Result<Self> {
        let payload = payload.into();
        check_backend(payload.backend())?;
        Ok(Self { payload, fd })
    }
}

/// Refuses backends without descriptors, before anything is sent and after anything arrived.
pub(crate) fn check_backend(backend: BackendKind) -> Result<()> {
    if backend != BackendKind::Mmap {
        return Ok(());
    }
    let (operation, able) = ("passing an array", "shm or memfd");
    let reason = "anonymous mappings are reached by forked descendants only";
    Err(ErrorKind::BackendCannot { operation, backend, reason, able }.into())
}
