//! Segments with a name in `/dev/shm`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, linkat, lstat, open, unlink};
use rustix::io::{pread, pwrite};
use rustix::process::geteuid;

use super::file::{BOTH, Map, NAME, PRESENCE, lock, reserve, set_len};
use super::{DATA_OFFSET, HEADER_LEN, HEADER_READ};

/// A named segment: the mapping, the description, and which file it is.
pub(crate) struct Named {
    map: Map,
    fd: OwnedFd,
    file: Stat,
}

/// Makes and publishes a named segment, with its memory reserved.
pub(crate) fn create(path: &str, bytes: usize) -> Named {
    create_by(path, bytes, reserve)
}

/// The same without memory behind it.
pub(crate) fn create_lazy(path: &str, bytes: usize) -> Named {
    create_by(path, bytes, set_len)
}

fn create_by(path: &str, bytes: usize, size: fn(BorrowedFd<'_>, usize)) -> Named {
    let len = DATA_OFFSET + bytes;
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let fd = open("/dev/shm", flags, Mode::RUSR | Mode::WUSR).unwrap();
    assert!(lock(fd.as_fd(), PRESENCE, libc::F_RDLCK));
    let file = fstat(&fd).unwrap();
    assert_eq!(file.st_mode & 0o777, 0o600); // a umask may have changed it
    size(fd.as_fd(), len);
    let map = Map::shared(fd.as_fd(), len);
    pwrite(&fd, &[1; HEADER_LEN], 0).unwrap();
    linkat(&fd, "", CWD, path, AtFlags::EMPTY_PATH).unwrap();
    Named { map, fd, file }
}

/// A file in `/dev/shm` of so many bytes, without a name.
pub(super) fn unmapped(len: usize) -> OwnedFd {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let fd = open("/dev/shm", flags, Mode::RUSR | Mode::WUSR).unwrap();
    assert!(lock(fd.as_fd(), PRESENCE, libc::F_RDLCK));
    set_len(fd.as_fd(), len);
    fd
}

/// Attaches to a named segment: a file of this user, which still has a name once it is locked.
pub(crate) fn attach(path: &str, bytes: usize) -> Named {
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let fd = open(path, flags, Mode::empty()).unwrap();
    assert!(lock(fd.as_fd(), PRESENCE, libc::F_RDLCK));
    let file = fstat(&fd).unwrap();
    assert_eq!(FileType::from_raw_mode(file.st_mode), FileType::RegularFile);
    assert!(file.st_uid == geteuid().as_raw() && file.st_nlink > 0);
    pread(&fd, &mut [0; HEADER_READ], 0).unwrap();
    let map = Map::shared(fd.as_fd(), DATA_OFFSET + bytes);
    Named { map, fd, file }
}

impl Named {
    /// The mapping.
    pub(crate) fn map(&self) -> &Map {
        &self.map
    }

    /// Leaves it; the last one out removes the name. The locks are given up by themselves: a child
    /// that is forked meanwhile would keep them.
    pub(crate) fn leave(self, path: &str) {
        let Self { map, fd, file } = self;
        drop(map);
        drop(fd);
        let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let fresh = open(path, flags, Mode::empty()).unwrap();
        if lock(fresh.as_fd(), PRESENCE, libc::F_WRLCK) {
            assert!(lock(fresh.as_fd(), NAME, libc::F_WRLCK));
            assert_eq!(lstat(path).unwrap().st_ino, file.st_ino);
            unlink(path).unwrap();
            assert!(lock(fresh.as_fd(), BOTH, libc::F_UNLCK));
        }
    }
}
