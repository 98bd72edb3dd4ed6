//! A lock of a file, as `fcntl(F_OFD_SETLKW)` takes it: one system call each way.
#![allow(unsafe_code)] // fcntl(2)

use std::fs::File;
use std::os::fd::AsRawFd;

/// Work under it, each process through a description of its own.
pub(super) fn lock() -> impl Fn(u64) + Clone + 'static {
    let file = rustix::fs::memfd_create("bench", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
    let file: &'static _ = Box::leak(Box::new(file));
    move |count| {
        let _ = file;
        let own = File::options().read(true).write(true).open(&path).unwrap();
        for _ in 0..count {
            set(&own, libc::F_WRLCK);
            set(&own, libc::F_UNLCK);
        }
    }
}

fn set(file: &File, kind: i32) {
    let l_type = i16::try_from(kind).unwrap();
    let request = libc::flock { l_type, l_whence: 0, l_start: 0, l_len: 1, l_pid: 0 };
    // SAFETY: an open descriptor and a valid struct.
    let code = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLKW, &raw const request) };
    assert_eq!(code, 0);
}
