//! An array on its way: as it is sent, and as it arrives.

use std::fs::File;

use shm_core::{BackendKind, ErrorKind, Payload, PayloadRef, Result};

/// An array to be sent.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Outgoing<'a> {
    pub(crate) payload: PayloadRef<'a>,
    pub(crate) file: &'a File,
}

impl<'a> Outgoing<'a> {
    /// An array with this payload and the open file of its segment.
    ///
    /// # Errors
    /// [`ErrorKind::BackendCannot`] on backend `mmap`, which has no files.
    pub fn new(payload: impl Into<PayloadRef<'a>>, file: &'a File) -> Result<Self> {
        let payload = payload.into();
        check_backend(payload.backend())?;
        Ok(Self { payload, file })
    }
}

/// An array that arrived: its payload, and the file to attach to. Only the form of the payload has been
/// checked.
#[derive(Debug)]
#[must_use]
#[non_exhaustive]
pub struct Incoming {
    /// What the sender says it is.
    pub payload: Payload,
    /// The sender's open file description; closed on exec.
    pub file: File,
    /// Another one, open for writing, where this process may not open the file afresh: the sender, of
    /// another user, says that it is of the same file, and that nobody else has it. The receiver takes a
    /// slot through it before it forks.
    pub locks: Option<File>,
}

/// Refuses backends without files: the sender before it sends anything, the receiver after arrival.
pub(crate) fn check_backend(backend: BackendKind) -> Result<()> {
    if backend != BackendKind::Mmap {
        return Ok(());
    }
    let (operation, able) = ("passing an array", "shm or memfd");
    let reason = "anonymous mappings are reached by forked descendants only";
    Err(ErrorKind::BackendCannot { operation, backend, reason, able }.into())
}
