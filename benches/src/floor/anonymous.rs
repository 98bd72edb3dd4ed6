//! Shared mappings without a file.
#![allow(unsafe_code)] // mmap

use std::ptr::null_mut;

use rustix::mm::{MapFlags, mmap_anonymous};

use super::DATA_OFFSET;
use super::file::{Map, PROT};

/// Makes an anonymous shared mapping with a header in it.
pub(crate) fn create(bytes: usize) -> Map {
    let len = DATA_OFFSET + bytes;
    // SAFETY: the kernel chooses the address.
    let start = unsafe { mmap_anonymous(null_mut(), len, PROT, MapFlags::SHARED) }.unwrap();
    Map(start, len)
}
