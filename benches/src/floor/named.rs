//! Segments with a name in `/dev/shm`.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, fstat, ftruncate, linkat, lstat, open, unlink};
use rustix::io::{pread, pwrite};

use super::file::{Map, lock, reserve};
use super::{DATA_OFFSET, HEADER_LEN, HEADER_READ};

/// A named segment: the description and the mapping.
pub(crate) struct Named {
    map: Map,
    fd: OwnedFd,
}

/// Makes and publishes a named segment.
pub(crate) fn create(path: &str, bytes: usize) -> Named {
    let len = DATA_OFFSET + bytes;
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let fd = open("/dev/shm", flags, Mode::RUSR | Mode::WUSR).unwrap();
    assert!(lock(fd.as_fd(), 0, libc::F_RDLCK));
    reserve(fd.as_fd(), len);
    let map = Map::shared(fd.as_fd(), len);
    pwrite(&fd, &[1; HEADER_LEN], 0).unwrap();
    linkat(&fd, "", CWD, path, AtFlags::EMPTY_PATH).unwrap();
    Named { map, fd }
}

/// A file in `/dev/shm` of so many bytes, without a name.
pub(super) fn unmapped(len: usize) -> OwnedFd {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let fd = open("/dev/shm", flags, Mode::RUSR | Mode::WUSR).unwrap();
    assert!(lock(fd.as_fd(), 0, libc::F_RDLCK));
    ftruncate(&fd, len as u64).unwrap();
    fd
}

/// Attaches to a named segment.
pub(crate) fn attach(path: &str, bytes: usize) -> Named {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let fd = open(path, flags, Mode::empty()).unwrap();
    assert!(lock(fd.as_fd(), 0, libc::F_RDLCK));
    assert!(fstat(&fd).unwrap().st_nlink > 0);
    pread(&fd, &mut [0; HEADER_READ], 0).unwrap();
    let map = Map::shared(fd.as_fd(), DATA_OFFSET + bytes);
    Named { map, fd }
}

impl Named {
    /// The mapping.
    pub(crate) fn map(&self) -> &Map {
        &self.map
    }

    /// Leaves it; the last one out removes the name.
    pub(crate) fn leave(self, path: &str) {
        let Self { map, fd } = self;
        drop(map);
        let fresh = open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let file = fstat(&fd).unwrap();
        drop(fd);
        if lock(fresh.as_fd(), 0, libc::F_WRLCK) && lock(fresh.as_fd(), 1, libc::F_WRLCK) {
            assert_eq!(lstat(path).unwrap().st_ino, file.st_ino);
            unlink(path).unwrap();
        }
    }
}
