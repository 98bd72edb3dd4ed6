//! Files without a name, in memory.

use std::fs::File;
use std::io;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;

/// Creates a file without a name in memory, which can be sealed and is closed on `exec`. Nobody can
/// execute it where the kernel knows such files (Linux 6.3). `name` is for people who look into `/proc`;
/// `unit` is the size of its pages in bytes, where those are hugetlb ones. See `memfd_create(2)`.
///
/// # Errors
/// As the kernel says: `ENOSYS`, `EPERM` or `EACCES` where it has none for this process, `EMFILE`
/// and `ENFILE` where there are too many descriptors.
pub fn unnamed_file(name: &[u8], unit: Option<usize>) -> io::Result<File> {
    let pages = unit.map_or(MemfdFlags::empty(), hugetlb);
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | pages;
    let made = match memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create(name, flags), // before Linux 6.3
        made => made,
    };
    Ok(made?.into())
}

fn hugetlb(unit: usize) -> MemfdFlags {
    const SHIFT: u32 = 26; // MFD_HUGE_SHIFT
    MemfdFlags::HUGETLB.union(MemfdFlags::from_bits_retain(unit.trailing_zeros() << SHIFT))
}
