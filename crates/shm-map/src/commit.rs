//! When the memory behind a new file is reserved.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use shm_core::{Access, Commit, ErrorKind, Region, Result};

use crate::{Mapping, reserve, set_len};

/// Gives a new file its size in bytes, maps it, and reserves memory as asked.
///
/// [`Commit::Auto`] reserves: a backend on which a first touch cannot fail says [`Commit::Lazy`]
/// in its place. Where the kernel cannot populate (before Linux 5.14), memory is reserved instead,
/// with a warning.
///
/// # Errors
/// [`ErrorKind::NoSpace`] with what is needed and what is free; [`ErrorKind::LimitReached`] for
/// `RLIMIT_FSIZE`, `RLIMIT_AS` and `vm.max_map_count`; [`ErrorKind::Os`].
pub fn commit(fd: BorrowedFd<'_>, len: usize, strategy: Commit) -> Result<Mapping> {
    let map = || Mapping::file(fd, len, Access::ReadWrite);
    match strategy {
        Commit::Auto | Commit::Reserve => {
            reserve(fd, len as u64)?;
            map()
        }
        Commit::Lazy => {
            set_len(fd, len as u64)?;
            map()
        }
        Commit::Populate => {
            set_len(fd, len as u64)?;
            let mapping = map()?;
            populate(&mapping, fd)?;
            Ok(mapping)
        }
    }
}

/// Reserves and maps all pages of a new file, or only reserves them where the kernel cannot.
pub(crate) fn populate(mapping: &Mapping, fd: BorrowedFd<'_>) -> Result<()> {
    match mapping.populate(Some(fd)) {
        Err(error) if is_unsupported(error.kind()) => {
            let len = mapping.len();
            tracing::warn!(len, %error, "cannot populate: memory is reserved instead");
            reserve(fd, len as u64)
        }
        result => result,
    }
}

fn is_unsupported(kind: &ErrorKind) -> bool {
    let ErrorKind::Os { error, .. } = kind else {
        return false;
    };
    Errno::from_io_error(error) == Some(Errno::INVAL)
}
