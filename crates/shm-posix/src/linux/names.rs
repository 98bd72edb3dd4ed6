//! Everything that changes what a name means.
//!
//! The rule: lock the name byte of the file behind the name, look again whether the name still
//! leads there, and only then act. So nobody ever removes a successor. Locks are given up by
//! unlocking, not by closing: a forked child may share the description.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::unlink;
use rustix::io::Errno;
use shm_core::{Access, Cleanup, Error, ErrorKind, Result};
use shm_map::{read_header, system_error};
use shm_presence::{leave, lock_name, try_alone, unlock_name};

use super::directory::{FileId, SegmentPath};

/// What bears a name, with its name byte locked.
#[derive(Debug)]
pub(crate) struct Bearer {
    fd: OwnedFd,
    file: FileId,
}

impl Bearer {
    /// `None` if nothing bears the name, or if the name changed meanwhile.
    pub(crate) fn lock(place: &SegmentPath) -> Result<Option<Self>> {
        let fd = match place.open(Access::ReadWrite) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound { .. }) => return Ok(None),
            result => result?,
        };
        let file = FileId::from(&place.check(fd.as_fd())?);
        lock_name(fd.as_fd())?;
        let bearer = Self { fd, file };
        Ok(place.leads_to(file)?.then_some(bearer))
    }
}

impl Drop for Bearer {
    fn drop(&mut self) {
        if let Err(error) = unlock_name(self.fd.as_fd()) {
            tracing::warn!(%error, "the name stays locked until this process ends");
        }
    }
}

/// Removes the name from whatever bears it. Tells whether the name is free now.
pub(crate) fn delete(place: &SegmentPath) -> Result<bool> {
    if let Some(_locked) = Bearer::lock(place)? {
        remove(place, "deleted")?;
    }
    match rustix::fs::lstat(place.path()) {
        Err(Errno::NOENT) => Ok(true),
        Ok(_) => Ok(false),
        Err(errno) => Err(system_error("lstat", place.to_string(), errno)),
    }
}

/// Removes the name if it still leads to that file.
pub(crate) fn remove_from(place: &SegmentPath, file: FileId) -> Result<()> {
    match Bearer::lock(place)? {
        Some(bearer) if bearer.file == file => remove(place, "destroyed"),
        _ => Ok(()),
    }
}

/// Removes the name from a file if nobody is present in it; tells whether somebody is, in that file or
/// in a successor of the name.
///
/// It asks on a description of its own: one that is present itself would not count, and one that
/// a forked child shares would seem to be alone.
pub(crate) fn remove_if_last(place: &SegmentPath, file: FileId) -> Result<bool> {
    let fresh = match place.open(Access::ReadWrite) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound { .. }) => return Ok(false),
        result => result?,
    };
    if !try_alone(fresh.as_fd())? {
        return Ok(true);
    }
    let removed = remove_alone(place, fresh.as_fd(), file);
    if let Err(error) = leave(fresh.as_fd()) {
        tracing::warn!(%place, %error, "nobody can attach until this process ends");
    }
    removed.map(|()| false)
}

/// Removes the name of a segment whose last holder was killed, unless it is to persist. Tells
/// whether it was one; what is none of ours is not touched.
pub(crate) fn collect_orphan(place: &SegmentPath) -> bool {
    let collect = || {
        let fd = place.open(Access::ReadOnly)?;
        let stat = place.check(fd.as_fd())?;
        let header = read_header(fd.as_fd(), stat.st_size.cast_unsigned())?;
        if header.cleanup() == Cleanup::Persist || !place.is_of(header.name()) {
            return Ok(false);
        }
        remove_if_last(place, FileId::from(&stat)).map(|in_use| !in_use)
    };
    collect().unwrap_or_else(|error: Error| {
        tracing::debug!(%place, %error, "what bears the name stays");
        false
    })
}

/// Whether somebody asks at this moment whether anybody is present in what bears the name. What cannot
/// be looked at is nothing to wait for.
pub(crate) fn is_being_asked(place: &SegmentPath) -> bool {
    let ask = || {
        let fd = place.open(Access::ReadOnly)?;
        place.check(fd.as_fd())?;
        shm_presence::is_being_asked(fd.as_fd())
    };
    ask().unwrap_or(false)
}

/// Whoever is alone then leaves, which unlocks the name.
fn remove_alone(place: &SegmentPath, alone: BorrowedFd<'_>, file: FileId) -> Result<()> {
    lock_name(alone)?;
    match place.leads_to(file) {
        Ok(true) => remove(place, "the last one is out"),
        other => other.map(drop),
    }
}

fn remove(place: &SegmentPath, why: &'static str) -> Result<()> {
    match unlink(place.path()) {
        Ok(()) => tracing::debug!(%place, why, "name removed"),
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(system_error("unlink", place.to_string(), errno)),
    }
    Ok(())
}
