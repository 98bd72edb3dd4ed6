//! The backend on Linux.

use std::os::fd::OwnedFd;

use shm_core::{Access, Attached, Backend, BackendKind, Fill, Origin, Result, Spec};

mod attach;
mod create;
mod freeze;
mod segment;

pub use segment::MemfdSegment;

/// The memfd backend.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memfd;

/// What attaching starts from.
#[derive(Debug)]
pub enum FdOrOrigin {
    /// A descriptor that another process handed over.
    Fd(OwnedFd),
    /// A descriptor that can be opened in another process while that lives, as `/proc` shows it.
    Origin(Origin),
}

impl Backend for Memfd {
    const KIND: BackendKind = BackendKind::Memfd;
    type Segment = MemfdSegment;
    type Source = FdOrOrigin;

    fn create(&self, spec: &Spec, fill: Option<Fill<'_>>) -> Result<Attached<MemfdSegment>> {
        create::create(spec, fill)
    }

    /// A frozen segment is attached read-only; [`is_frozen`](shm_core::Sealable::is_frozen) tells.
    fn attach(&self, source: FdOrOrigin, access: Access) -> Result<Attached<MemfdSegment>> {
        attach::attach(source, access)
    }
}
