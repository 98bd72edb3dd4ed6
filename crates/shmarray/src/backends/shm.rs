//! Backend `shm`: named segments, by `shm-posix`.

use std::os::fd::OwnedFd;

use shm_core::{Access, Backend, BackendKind, ErrorKind, Fill, Name, Named, Origin, Result, Spec};
use shm_posix::{NameOrFd, Posix};

use super::Mechanism;
use super::segment::Mapped;

pub(super) struct Shm;

/// Removes a name that all processes of the user see.
pub(super) fn delete(name: &Name) -> Result<bool> {
    Posix::default().delete(name)
}

impl Mechanism for Shm {
    fn create(&self, spec: &Spec, fill: Option<Fill<'_>>) -> Result<Mapped> {
        Posix::default().create(spec, fill).map(Mapped::from)
    }

    fn attach(&self, name: &Name, access: Access) -> Result<Mapped> {
        Posix::default().attach(NameOrFd::Name(name.clone()), access).map(Mapped::from)
    }

    fn attach_fd(&self, fd: OwnedFd, name: &Name, access: Access) -> Result<Mapped> {
        Posix::default().attach(NameOrFd::Fd(fd.into(), name.clone()), access).map(Mapped::from)
    }

    fn attach_origin(&self, _: Origin, _: Access) -> Result<Mapped> {
        let (operation, backend) = ("attaching through its sender", BackendKind::Shm);
        let (reason, able) = ("its segments are reached by name", "memfd");
        Err(ErrorKind::BackendCannot { operation, backend, reason, able }.into())
    }
}
