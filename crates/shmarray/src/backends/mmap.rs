//! Backend `mmap`: anonymous mappings, by `shm-anon`.

use std::os::fd::OwnedFd;

use shm_anon::Anon;
use shm_core::{Access, Backend, BackendKind, Fill, Name, Origin, Result, Spec};

use super::segment::Mapped;
use super::{Mechanism, backend_cannot};

pub(super) struct Mmap;

/// Whether an array of this process bears the name at this moment.
pub(super) fn is_known(name: &Name) -> bool {
    Anon.is_known(name)
}

impl Mechanism for Mmap {
    fn create(&self, spec: &Spec, fill: Option<Fill<'_>>) -> Result<Mapped> {
        Anon.create(spec, fill).map(Mapped::from)
    }

    fn attach(&self, name: &Name, access: Access) -> Result<Mapped> {
        Anon.attach(name.clone(), access).map(Mapped::from)
    }

    fn attach_fd(&self, _: OwnedFd, _: &Name, _: Access) -> Result<Mapped> {
        Err(backend_cannot("attaching to a file descriptor", BackendKind::Mmap))
    }

    fn attach_origin(&self, _: Origin, _: Access) -> Result<Mapped> {
        Err(backend_cannot("attaching through its sender", BackendKind::Mmap))
    }
}
