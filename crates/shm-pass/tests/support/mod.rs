//! Memfds with payloads, and descriptors counted.

use std::fs::File;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::{pread, pwrite};
use shm_core::{BackendKind, Descriptor, Element, Layout, Name, Order, Payload};

/// A payload that describes nothing that exists: this crate does not attach.
pub fn payload(backend: BackendKind, count: usize) -> Payload {
    let descriptor = Descriptor {
        backend,
        name: Name::new(format!("array-{count}")).unwrap(),
        uuid: Default::default(),
        segment_len: 16384,
        dtype: f32::dtype(),
        layout: Layout::new([count, 4], Order::C, 4).unwrap(),
        window: None,
        frozen: false,
    };
    Payload { descriptor, origin: None }
}

/// A memfd whose first bytes are a number.
pub fn memfd(number: usize) -> File {
    let fd = memfd_create("pass", MemfdFlags::CLOEXEC).unwrap();
    pwrite(&fd, &number.to_ne_bytes(), 0).unwrap();
    fd.into()
}

/// The number in a memfd.
pub fn number(file: &File) -> usize {
    let mut bytes = [0; size_of::<usize>()];
    assert_eq!(pread(file, &mut bytes, 0).unwrap(), bytes.len());
    usize::from_ne_bytes(bytes)
}

/// How many descriptors this process has.
pub fn open_fds() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
