//! The bare system calls that keep the same promises, with nothing around them.
//!
//! Each includes what a promise needs: memory set aside (`fallocate`), the presence lock, a header
//! of [`HEADER_LEN`] bytes written or read, publication in one step, and the question whether
//! anybody else is left.
#![allow(unsafe_code, clippy::unwrap_used)] // system calls; a bench that fails shall stop

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::null_mut;

use rustix::fs::{
    AtFlags, CWD, FallocateFlags, MemfdFlags, Mode, OFlags, SealFlags, fallocate, fcntl_add_seals,
    fcntl_get_seals, fstat, ftruncate, linkat, lstat, memfd_create, open, unlink,
};
use rustix::io::{pread, pwrite};
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

/// Bytes of a header: what is written when a segment is made.
const HEADER_LEN: usize = 1064;
/// Bytes read of it when a segment is attached.
const HEADER_READ: usize = 4096;
/// Slots and header together.
const DATA_OFFSET: usize = 8192;
/// `fallocate` in pieces, as signals would undo a long one for ever.
const CHUNK: usize = 16 << 20;

const PROT: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);

/// Mapped bytes, unmapped on drop.
pub(crate) struct Map(*mut std::ffi::c_void, usize);

impl Map {
    fn shared(fd: BorrowedFd<'_>, len: usize) -> Self {
        // SAFETY: the kernel chooses the address.
        Self(unsafe { mmap(null_mut(), len, PROT, MapFlags::SHARED, fd, 0) }.unwrap(), len)
    }

    /// The first byte of data.
    pub(crate) fn first(&self) -> u8 {
        // SAFETY: every map here is longer than DATA_OFFSET.
        unsafe { self.0.cast::<u8>().wrapping_add(DATA_OFFSET).read_volatile() }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: mapped by this value, and not used again.
        unsafe { munmap(self.0, self.1) }.unwrap();
    }
}

fn lock(fd: BorrowedFd<'_>, byte: i64, kind: i32) -> bool {
    #[allow(clippy::cast_possible_truncation)]
    let request = libc::flock {
        l_type: kind as i16,
        l_whence: 0,
        l_start: (1 << 62) + byte,
        l_len: 1,
        l_pid: 0,
    };
    // SAFETY: an open descriptor and a valid struct.
    unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_OFD_SETLK, &raw const request) == 0 }
}

fn reserve(fd: BorrowedFd<'_>, len: usize) {
    for at in (0..len).step_by(CHUNK) {
        let chunk = CHUNK.min(len - at) as u64;
        fallocate(fd, FallocateFlags::empty(), at as u64, chunk).unwrap();
    }
}

/// A named segment: the description and the mapping.
pub(crate) struct Named {
    map: Map,
    fd: OwnedFd,
}

/// Makes and publishes a named segment.
pub(crate) fn create_named(path: &str, bytes: usize) -> Named {
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

/// Attaches to a named segment.
pub(crate) fn attach_named(path: &str, bytes: usize) -> Named {
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

/// Makes a memfd that cannot be resized.
pub(crate) fn create_memfd(bytes: usize) -> (Map, OwnedFd) {
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

/// Attaches to a memfd by a descriptor of it, through a description of its own.
pub(crate) fn attach_memfd(fd: BorrowedFd<'_>, bytes: usize) -> (Map, OwnedFd) {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let own = open(path.as_str(), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).unwrap();
    assert!(fcntl_get_seals(&own).unwrap().contains(SealFlags::SHRINK | SealFlags::GROW));
    assert!(lock(own.as_fd(), 0, libc::F_RDLCK));
    fstat(&own).unwrap();
    pread(&own, &mut [0; HEADER_READ], 0).unwrap();
    (Map::shared(own.as_fd(), DATA_OFFSET + bytes), own)
}

/// Makes an anonymous shared mapping with a header in it.
pub(crate) fn create_anonymous(bytes: usize) -> Map {
    let len = DATA_OFFSET + bytes;
    // SAFETY: the kernel chooses the address.
    let start = unsafe { mmap_anonymous(null_mut(), len, PROT, MapFlags::SHARED) }.unwrap();
    Map(start, len)
}
