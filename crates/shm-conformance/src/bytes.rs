//! Single bytes of a region, and writes that the kernel has to refuse.
#![allow(unsafe_code)] // volatile access within a region; system calls that are given an address.

use std::fs::File;
use std::os::fd::AsRawFd;

use shm_core::{Header, Region};

/// A byte in the data of an array of 100 `u64`.
pub(crate) const PLACE: usize = 12_600;

fn address(region: &dyn Region, at: usize) -> *mut u8 {
    assert!(at < region.len(), "byte {at} of {}", region.len());
    region.start().as_ptr().wrapping_add(at)
}

/// Reads the byte at that distance from the region's start.
pub fn get(region: &dyn Region, at: usize) -> u8 {
    let address = address(region, at);
    // SAFETY: within the region, which is mapped readable; other processes may write it, and a
    // volatile byte cannot be torn.
    unsafe { address.read_volatile() }
}

/// Writes the byte at that distance from the start of a region that is mapped writable.
pub fn set(region: &dyn Region, at: usize, value: u8) {
    let address = address(region, at);
    // SAFETY: as in `get`; the tests write only where they were given write access.
    unsafe { address.write_volatile(value) };
}

/// The bytes of the array's data.
pub fn data(header: &Header, region: &dyn Region) -> Vec<u8> {
    let start = usize::try_from(header.data_offset()).unwrap();
    (start..start + header.layout().nbytes()).map(|at| get(region, at)).collect()
}

/// Fills the array's data with one value.
pub fn fill(header: &Header, region: &dyn Region, value: u8) {
    let start = usize::try_from(header.data_offset()).unwrap();
    (start..start + header.layout().nbytes()).for_each(|at| set(region, at, value));
}

/// Whether the kernel would let this process write that byte: it is asked to write a zero there.
pub fn is_writable(region: &dyn Region, at: usize) -> bool {
    let zeros = File::open("/dev/zero").unwrap();
    let address = address(region, at).cast();
    // SAFETY: the fd is open; the kernel checks the address itself, and the byte lies in a region.
    unsafe { libc::read(zeros.as_raw_fd(), address, 1) == 1 }
}

/// Whether `mprotect` can make the region's first page writable.
pub fn can_become_writable(region: &dyn Region) -> bool {
    let address = address(region, 0).cast();
    // SAFETY: the page is part of the region, which stays mapped; more access harms nobody.
    unsafe { libc::mprotect(address, 4096, libc::PROT_READ | libc::PROT_WRITE) == 0 }
}
