//! Attaching to a segment that came by descriptor.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{OFlags, SealFlags, fcntl_get_seals, fstat};
use rustix::io::Errno;
use rustix::path::DecInt;
use shm_core::{Access, Attached, BackendKind, ErrorKind, Origin, Result};
use shm_map::{Mapping, PagePlan, read_header, system_error};
use shm_presence::join;
use shm_presence::os::{open, reopen};

use super::FdOrOrigin;
use super::segment::MemfdSegment;

/// What the kernel must enforce from the start.
const FIXED_SIZE: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW);
/// What it must enforce for good once a segment is frozen.
const FROZEN: SealFlags = FIXED_SIZE.union(SealFlags::WRITE).union(SealFlags::SEAL);

pub(super) fn attach(source: FdOrOrigin, access: Access) -> Result<Attached<MemfdSegment>> {
    // Seals are for good: what has them keeps them.
    let (fd, seals) = match source {
        FdOrOrigin::Origin(origin) => {
            let fd = open_origin(origin, access)?;
            let seals = seals_of(fd.as_fd())?;
            (fd, seals)
        }
        FdOrOrigin::Fd(fd) => {
            let seals = seals_of(fd.as_fd())?; // before anything else is opened through it
            (own_description(fd, access)?, seals)
        }
    };
    let object = || format!("descriptor {}", fd.as_raw_fd());
    if !seals.contains(FIXED_SIZE) {
        let missing = format!("{:?}", FIXED_SIZE.difference(seals));
        return Err(ErrorKind::NotSealed { missing }.into());
    }
    let frozen = seals.contains(FROZEN);
    if seals.intersects(SealFlags::WRITE | SealFlags::FUTURE_WRITE) && access == Access::ReadWrite {
        let object = format!("{} (frozen)", object());
        return Err(ErrorKind::AccessDenied { object, access }.into());
    }
    join(&fd)?;
    let stat = fstat(&fd).map_err(|errno| system_error("fstat", object(), errno))?;
    let header = read_header(fd.as_fd(), stat.st_size.cast_unsigned())?;
    let len = header.mapped_len();
    let plan = PagePlan::of_segment(&stat, &header);
    let mapping = Mapping::in_pages(fd.as_fd(), len, access, &plan)?;
    tracing::debug!(name = %header.name(), bytes = len, %access, frozen, "attached on memfd");
    Ok(MemfdSegment::new(header, fd, access, plan, frozen).attached(mapping))
}

fn seals_of(fd: BorrowedFd<'_>) -> Result<SealFlags> {
    let not_a_memfd = |_| {
        let object = format!("descriptor {}", fd.as_raw_fd());
        let reason = "not a memfd: it cannot be sealed".into();
        ErrorKind::NotASegment { object, reason }.into()
    };
    fcntl_get_seals(fd).map_err(not_a_memfd)
}

/// A description of one's own, unless the segment belongs to another user: then its sender has
/// made one for us.
fn own_description(fd: OwnedFd, access: Access) -> Result<File> {
    match reopen(&fd, access) {
        Err(error) if matches!(error.kind(), ErrorKind::AccessDenied { .. }) => Ok(fd.into()),
        result => result,
    }
}

fn open_origin(origin: Origin, access: Access) -> Result<File> {
    let (pid, fd) = (DecInt::new(origin.pid), DecInt::new(origin.fd));
    let object = ["/proc/", pid.as_str(), "/fd/", fd.as_str()].concat();
    open(object.as_str(), access, OFlags::empty()).map_err(|errno| match errno {
        Errno::NOENT | Errno::SRCH | Errno::NXIO => ErrorKind::NotFound {
            name: object,
            backend: BackendKind::Memfd,
            hint: "its sender has ended or dropped it, or lives in another PID namespace; pass \
                   the descriptor over a socket or across exec",
        }
        .into(),
        Errno::ACCESS | Errno::PERM => ErrorKind::AccessDenied { object, access }.into(),
        _ => system_error("open", object, errno),
    })
}
