//! The array that somebody calls by a name, or an error that says what to write instead.

use anyhow::{Result, anyhow, bail};
use shm_survey::{Locator, SegmentInfo};
use shmarray::{Error, ErrorKind};

use crate::exit;

/// The array that is called so, as [`shm_survey::find`] finds it.
pub(crate) fn find(name: &str) -> Result<SegmentInfo> {
    check(name)?;
    shm_survey::find(name).map_err(|error| explained(name, error))
}

/// Refuses a path where a name is meant.
pub(crate) fn check(name: &str) -> Result<()> {
    if name.starts_with("/dev/shm/") {
        bail!("{name:?} is a path, and a name is wanted: leave out /dev/shm/");
    }
    Ok(())
}

/// The error of a search, with what helps whoever searched.
pub(crate) fn explained(name: &str, error: Error) -> anyhow::Error {
    let is_entry = matches!(name.parse(), Ok(Locator::Entry(_)));
    match error.kind() {
        ErrorKind::NotFound { .. } if is_entry => exit::refused(
            exit::NOT_FOUND,
            format!(
                "there is no array {name:?}: neither in /dev/shm nor among the memfd arrays that \
                 this user may see; `shmarray ls` lists all"
            ),
        ),
        ErrorKind::BadMagic { .. } if !is_entry => anyhow!("{name} is not an array of shmarray"),
        ErrorKind::BadMagic { .. } | ErrorKind::Truncated { .. }
            if is_entry && is_ours(name).is_ok_and(|is_ours| !is_ours) =>
        {
            anyhow!(
                "/dev/shm/{name} is not an array of shmarray; if it is a raw segment (a block of \
                 Python's shared_memory, say), a program reads it with RawArray"
            )
        }
        _ => error.into(),
    }
}

/// Whether an entry that cannot be read begins as a segment does: what `shmarray ls` tells of.
pub(crate) fn is_ours(name: &str) -> shmarray::Result<bool> {
    let unreadable = shm_survey::list()?.unreadable;
    Ok(unreadable
        .iter()
        .any(|file| matches!(&file.locator, Locator::Entry(entry) if entry == name)))
}

/// Whether the error says that this user may not look, rather than what is there.
pub(crate) fn is_hidden(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::AccessDenied { .. } | ErrorKind::WrongOwner { .. })
}

/// Whether the error says that something is there, and no segment.
pub(crate) fn is_foreign(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotASegment { .. } | ErrorKind::BadMagic { .. } | ErrorKind::Truncated { .. }
    )
}
