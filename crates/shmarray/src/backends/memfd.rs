//! Backend `memfd`: anonymous files, by `shm-memfd`.

use std::os::fd::OwnedFd;

use shm_core::{Access, Backend, BackendKind, ErrorKind, Fill, Name, Origin, Result, Spec};
use shm_memfd::FdOrOrigin;

use super::Mechanism;
use super::segment::Mapped;

pub(super) struct Memfd;

impl Mechanism for Memfd {
    fn create(&self, spec: &Spec, fill: Option<Fill<'_>>) -> Result<Mapped> {
        shm_memfd::Memfd.create(spec, fill).map(Mapped::from)
    }

    fn attach(&self, _: &Name, _: Access) -> Result<Mapped> {
        let (operation, backend) = ("attaching by name", BackendKind::Memfd);
        let (reason, able) = ("it has no names; attach from a payload", "shm");
        Err(ErrorKind::BackendCannot { operation, backend, reason, able }.into())
    }

    fn attach_fd(&self, fd: OwnedFd, _: &Name, access: Access) -> Result<Mapped> {
        shm_memfd::Memfd.attach(FdOrOrigin::Fd(fd.into()), access).map(Mapped::from)
    }

    fn attach_origin(&self, origin: Origin, access: Access) -> Result<Mapped> {
        shm_memfd::Memfd.attach(FdOrOrigin::Origin(origin), access).map(Mapped::from)
    }
}
