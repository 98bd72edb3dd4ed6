//! The array that somebody calls by a name, or an error that says what to write instead.

use std::fmt;

use anyhow::{Result, anyhow, bail};
use shm_survey::{Locator, SegmentInfo, printable};
use shmarray::{Error, ErrorKind};

use crate::{exit, os};

/// How much alike two names are, from 0 to 1, for one to be meant by the other: as clap has it.
const ALIKE: f64 = 0.8;

/// The array that is called so, as [`shm_survey::find`] finds it.
pub(crate) fn find(name: &str) -> Result<SegmentInfo> {
    check(name)?;
    shm_survey::find(name).map_err(|error| explained(name, error))
}

/// Refuses a path where a name is meant.
pub(crate) fn check(name: &str) -> Result<()> {
    if name.strip_prefix(os::DIRECTORY).is_some_and(|rest| rest.starts_with('/')) {
        bail!("{name:?} is a path, and a name is wanted: leave out {}/", os::DIRECTORY);
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
                "there is no array {name:?}: neither in {} nor among the memfd arrays that this \
                 user may see; {}",
                os::DIRECTORY,
                Meant::by(name)
            ),
        ),
        ErrorKind::BadMagic { .. } if !is_entry => anyhow!("{name} is not an array of shmarray"),
        ErrorKind::BadMagic { .. } | ErrorKind::Truncated { .. }
            if is_entry && is_ours(name).is_ok_and(|is_ours| !is_ours) =>
        {
            anyhow!(
                "{} is not an array of shmarray; if it is a raw segment (a block of Python's \
                 shared_memory, say), a program reads it with RawArray",
                os::entry_path(name).display()
            )
        }
        _ => error.into(),
    }
}

/// Names of arrays that the user may have meant.
struct Meant(Vec<String>);

impl Meant {
    /// The names that are most like it.
    fn by(name: &str) -> Self {
        const MOST: usize = 3;
        let listing = shm_survey::list().unwrap_or_default();
        let mut alike = Vec::new();
        for segment in &listing.segments {
            let place = segment.locator().to_string();
            let likeness = strsim::jaro_winkler(name, &place);
            if likeness > ALIKE {
                alike.push((likeness, place));
            }
        }
        alike.sort_by(|a, b| b.0.total_cmp(&a.0));
        Self(alike.into_iter().take(MOST).map(|(_, place)| place).collect())
    }
}

impl fmt::Display for Meant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("`shmarray ls` lists all");
        }
        let names = self.0.iter().map(|name| printable(name));
        write!(f, "did you mean {}?", Vec::from_iter(names).join(" or "))
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
