//! Anonymous files (`memfd`): no name in any file system, handed over by descriptor, and the only
//! segments that can be frozen.
//!
//! A segment cannot be resized from the start (`F_SEAL_SHRINK`, `F_SEAL_GROW`). Freezing adds
//! `F_SEAL_WRITE` and `F_SEAL_SEAL`: from then on the kernel refuses every writer, present and
//! future, and says so itself on attach. The memory goes with the last descriptor and mapping.
//!
//! This crate does not choose a backend, does not move descriptors (`shm-pass` does), knows no
//! element types and makes no view.
//!
//! - `create.rs`: making a segment;
//! - `attach.rs`: what is checked on a descriptor from elsewhere;
//! - `freeze.rs`: from writable to frozen;
//! - `segment.rs`: a segment that this process has;
//! - `os`: the files and their seals.
//!
//! See `memfd_create(2)`, fcntl(2) "File Sealing".
#![deny(unsafe_code)]

mod attach;
mod create;
mod freeze;
mod os;
mod segment;

use std::fs::File;

use shm_core::{Access, Attached, Backend, BackendKind, Fill, Origin, Result, Spec};

pub use segment::MemfdSegment;

/// The memfd backend.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memfd;

/// What attaching starts from.
#[derive(Debug)]
pub enum FdOrOrigin {
    /// A descriptor that another process handed over.
    Fd(File),
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
