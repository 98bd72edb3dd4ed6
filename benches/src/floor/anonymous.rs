//! Shared mappings without a file.
#![allow(unsafe_code)] // mmap

use std::ptr::null_mut;

use rustix::mm::{MapFlags, mmap_anonymous};

use super::DATA_OFFSET;
use super::file::{Map, PROT};

/// So many bytes, and nothing in them.
pub(super) fn of(len: usize) -> Map {
    // SAFETY: the kernel chooses the address.
    Map(unsafe { mmap_anonymous(null_mut(), len, PROT, MapFlags::SHARED) }.unwrap(), len)
}

/// Makes an anonymous shared mapping with a header in it.
pub(crate) fn create(bytes: usize) -> Map {
    let len = DATA_OFFSET + bytes;
    // SAFETY: the kernel chooses the address.
    let start = unsafe { mmap_anonymous(null_mut(), len, PROT, MapFlags::SHARED) }.unwrap();
    Map(start, len)
}
