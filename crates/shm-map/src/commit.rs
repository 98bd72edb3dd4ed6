//! When the memory behind a new file is reserved.

use shm_core::{Access, Commit, ErrorKind, Region, Result};

use crate::file::set_len;
use crate::mapping::Mapping;
use crate::os::{self, BorrowedFile};
use crate::reserve::reserve;

/// Gives a new file its size in bytes, maps it, and reserves memory as asked.
///
/// [`Commit::Auto`] reserves: a backend on which a first touch cannot fail says [`Commit::Lazy`]
/// in its place. Where the kernel cannot populate (before Linux 5.14), memory is reserved instead,
/// with a warning.
///
/// # Errors
/// [`ErrorKind::NoSpace`] with what is needed and what is free; [`ErrorKind::LimitReached`] for
/// `RLIMIT_FSIZE`, `RLIMIT_AS` and `vm.max_map_count`; [`ErrorKind::Os`].
pub fn commit(file: BorrowedFile<'_>, len: usize, strategy: Commit) -> Result<Mapping> {
    match strategy {
        Commit::Auto | Commit::Reserve => reserve(file, len as u64)?,
        Commit::Lazy | Commit::Populate => set_len(file, len as u64)?,
    }
    let mapping = Mapping::file(file, len, Access::ReadWrite)?;
    if strategy == Commit::Populate {
        populate(&mapping, file)?;
    }
    Ok(mapping)
}

/// Reserves and maps all pages of a new file, or only reserves them where the kernel cannot.
pub(crate) fn populate(mapping: &Mapping, file: BorrowedFile<'_>) -> Result<()> {
    match mapping.populate(Some(file)) {
        Err(error) if is_unsupported(error.kind()) => {
            let len = mapping.len();
            tracing::warn!(len, %error, "cannot populate: memory is reserved instead");
            reserve(file, len as u64)
        }
        result => result,
    }
}

fn is_unsupported(kind: &ErrorKind) -> bool {
    matches!(kind, ErrorKind::Os { error, .. } if os::is_unsupported(error))
}
