//! Files without a name, in memory.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::Errno;

use super::file::{borrow, set_len};
use crate::pages::PagePlan;

/// Creates a file without a name in memory, closed on `exec`, which nobody can execute where the
/// kernel knows such files (Linux 6.3). `name` is for people who look into `/proc`.
///
/// `flags` come on top of these two. See `memfd_create(2)`.
///
/// # Errors
/// As the kernel says: `ENOSYS`, `EPERM` or `EACCES` where it has none for this process, `EMFILE`
/// and `ENFILE` where there are too many descriptors.
pub fn memfd(name: &[u8], flags: MemfdFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | MemfdFlags::CLOEXEC;
    match memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create(name, flags), // before Linux 6.3
        made => made,
    }
}

/// Creates a file without a name, of so many bytes in hugetlb pages of `unit` bytes.
pub(crate) fn unnamed_huge_file(len: usize, unit: usize) -> io::Result<File> {
    let file = File::from(memfd(b"shmarray", hugetlb(unit))?);
    set_len(borrow(&file), len as u64)?;
    Ok(file)
}

fn hugetlb(unit: usize) -> MemfdFlags {
    const SHIFT: u32 = 26; // MFD_HUGE_SHIFT
    MemfdFlags::HUGETLB.union(MemfdFlags::from_bits_retain(unit.trailing_zeros() << SHIFT))
}

impl PagePlan {
    /// The flags of [`memfd`] for a file in these pages.
    pub fn memfd_flags(&self) -> MemfdFlags {
        if self.is_hugetlb() { hugetlb(self.unit()) } else { MemfdFlags::empty() }
    }
}
