//! Everything that changes what a name means.
//!
//! The rule: lock the name byte of the file behind the name, look again whether the name still
//! leads there, and only then act. So nobody ever removes a successor. Closing the file unlocks.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Stat, unlink};
use rustix::io::Errno;
use shm_core::{Access, ErrorKind, Result};
use shm_map::system_error;
use shm_presence::{lock_name, try_alone};

use super::directory::Place;

/// Opens and locks what bears the name; `None` if the name changed meanwhile or nothing bears it.
pub(crate) fn lock_what_bears(place: &Place) -> Result<Option<OwnedFd>> {
    let fd = match place.open(Access::ReadWrite) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound { .. }) => return Ok(None),
        result => result?,
    };
    let stat = place.check(fd.as_fd())?;
    lock_name(fd.as_fd())?;
    Ok(place.leads_to(&stat)?.then_some(fd))
}

/// Removes the name from whatever bears it. Tells whether the name is free now.
pub(crate) fn delete(place: &Place) -> Result<bool> {
    if let Some(_locked) = lock_what_bears(place)? {
        remove(place)?;
        tracing::debug!(%place, "deleted");
    }
    match rustix::fs::lstat(place.path()) {
        Err(Errno::NOENT) => Ok(true),
        Ok(_) => Ok(false),
        Err(errno) => Err(system_error("lstat", place.to_string(), errno)),
    }
}

/// Removes the name if it still leads to that file.
pub(crate) fn remove_from(place: &Place, file: &Stat) -> Result<()> {
    let Some(locked) = lock_what_bears(place)? else {
        return Ok(());
    };
    let stat = place.check(locked.as_fd())?;
    if (stat.st_dev, stat.st_ino) == (file.st_dev, file.st_ino) {
        remove(place)?;
        tracing::debug!(%place, "destroyed");
    }
    Ok(())
}

/// Removes the name if nobody is present in that file and it still leads there.
///
/// `fresh` is a description of what bore the name a moment ago, which is not present itself.
pub(crate) fn remove_if_last(place: &Place, fresh: BorrowedFd<'_>, file: &Stat) -> Result<()> {
    if !try_alone(fresh)? {
        return Ok(());
    }
    lock_name(fresh)?;
    if place.leads_to(file)? {
        remove(place)?;
        tracing::debug!(%place, "removed by the last one out");
    }
    Ok(())
}

fn remove(place: &Place) -> Result<()> {
    match unlink(place.path()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(system_error("unlink", place.to_string(), errno)),
    }
}
