//! Segments without a name, held by their descriptors.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    MemfdFlags, Mode, OFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate,
    memfd_create, open,
};
use rustix::io::{pread, pwrite};

use super::file::{Map, lock};
use super::{DATA_OFFSET, HEADER_LEN, HEADER_READ};

/// Makes a memfd that cannot be resized.
pub(crate) fn create(bytes: usize) -> (Map, OwnedFd) {
    let len = DATA_OFFSET + bytes;
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | MemfdFlags::NOEXEC_SEAL;
    let fd = memfd_create("bench", flags).unwrap();
    rustix::fs::fchmod(&fd, Mode::RUSR | Mode::WUSR).unwrap();
    assert!(lock(fd.as_fd(), 0, libc::F_RDLCK));
    ftruncate(&fd, len as u64).unwrap();
    let map = Map::shared(fd.as_fd(), len);
    pwrite(&fd, &[1; HEADER_LEN], 0).unwrap();
    fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW).unwrap();
    (map, fd)
}

/// A memfd of so many bytes.
pub(super) fn unmapped(len: usize) -> OwnedFd {
    let fd = memfd_create("bench", MemfdFlags::CLOEXEC).unwrap();
    assert!(lock(fd.as_fd(), 0, libc::F_RDLCK));
    ftruncate(&fd, len as u64).unwrap();
    fd
}

/// Attaches to a memfd by a descriptor of it, through a description of its own.
pub(crate) fn attach(fd: BorrowedFd<'_>, bytes: usize) -> (Map, OwnedFd) {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let own = open(path.as_str(), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).unwrap();
    assert!(fcntl_get_seals(&own).unwrap().contains(SealFlags::SHRINK | SealFlags::GROW));
    assert!(lock(own.as_fd(), 0, libc::F_RDLCK));
    fstat(&own).unwrap();
    pread(&own, &mut [0; HEADER_READ], 0).unwrap();
    (Map::shared(own.as_fd(), DATA_OFFSET + bytes), own)
}
