//! Everything that changes what a name means.
//!
//! The rule: lock the name byte of the file behind the name, look again whether the name still
//! leads there, and only then act. So nobody ever removes a successor. Locks are given up by
//! unlocking, not by closing: a forked child may share the description.

use std::fs::File;

use shm_core::{Access, Cleanup, Error, ErrorKind, Result};
use shm_map::{FileId, read_header};
use shm_presence::{leave, lock_name, try_alone, try_lock_name, unlock_name};

use crate::os::SegmentPath;

/// A name that no other process changes, as its byte is locked in the file that it leads to.
#[derive(Debug)]
pub(crate) struct LockedName {
    file: File,
    id: FileId,
}

impl LockedName {
    /// `None` if nothing bears the name, or if the name changed meanwhile.
    pub(crate) fn lock(place: &SegmentPath) -> Result<Option<Self>> {
        let file = match place.open(Access::ReadWrite) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound { .. }) => return Ok(None),
            result => result?,
        };
        let id = place.check(&file)?.id;
        lock_name(&file)?;
        let locked = Self { file, id };
        Ok(place.leads_to(id)?.then_some(locked))
    }
}

impl Drop for LockedName {
    fn drop(&mut self) {
        if let Err(error) = unlock_name(&self.file) {
            tracing::warn!(%error, "the name stays locked until this process ends");
        }
    }
}

/// Removes the name from whatever bears it. Tells whether the name is free now.
pub(crate) fn delete(place: &SegmentPath) -> Result<bool> {
    if let Some(_locked) = LockedName::lock(place)? {
        remove(place, "deleted")?;
    }
    place.is_free()
}

/// Removes the name if it still leads to that file.
pub(crate) fn remove_from(place: &SegmentPath, file: FileId) -> Result<()> {
    match LockedName::lock(place)? {
        Some(locked) if locked.id == file => remove(place, "destroyed"),
        _ => Ok(()),
    }
}

/// Removes the name from a file if nobody is present in it; tells whether somebody is, in that file or
/// in a successor of the name.
///
/// It asks on a description of its own: one that is present itself would not count, and one that
/// a forked child shares would seem to be alone.
pub(crate) fn remove_if_last(place: &SegmentPath, file: FileId) -> Result<bool> {
    remove_if_last_by(place, file, |alone| lock_name(alone).map(|()| true))
}

/// The same, where there is no time to wait for whoever changes the name: it stays then.
pub(crate) fn remove_if_last_at_once(place: &SegmentPath, file: FileId) -> Result<bool> {
    remove_if_last_by(place, file, try_lock_name)
}

fn remove_if_last_by(
    place: &SegmentPath,
    file: FileId,
    lock: impl FnOnce(&File) -> Result<bool>,
) -> Result<bool> {
    let fresh = match place.open(Access::ReadWrite) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound { .. }) => return Ok(false),
        result => result?,
    };
    if !try_alone(&fresh)? {
        return Ok(true);
    }
    let removed = lock(&fresh).and_then(|locked| {
        if locked { remove_alone(place, file).map(|()| false) } else { Ok(true) }
    });
    if let Err(error) = leave(&fresh) {
        tracing::warn!(%place, %error, "nobody can attach until this process ends");
    }
    removed
}

/// Removes the name of a segment whose last holder was killed, unless it is to persist. Tells
/// whether it was one; what is none of ours is not touched.
pub(crate) fn collect_orphan(place: &SegmentPath) -> bool {
    let collect = || {
        let file = place.open(Access::ReadOnly)?;
        let stat = place.check(&file)?;
        let header = read_header(&file, stat.len)?;
        if header.cleanup() == Cleanup::Persist || !place.is_of(header.name()) {
            return Ok(false);
        }
        remove_if_last(place, stat.id).map(|in_use| !in_use)
    };
    collect().unwrap_or_else(|error: Error| {
        tracing::debug!(%place, %error, "what bears the name stays");
        false
    })
}

/// Whether a process asks at this moment whether anybody is present in what bears the name. There is
/// nothing to wait for if this process may not look at it.
pub(crate) fn is_being_asked(place: &SegmentPath) -> bool {
    let ask = || {
        let file = place.open(Access::ReadOnly)?;
        place.check(&file)?;
        shm_presence::is_being_asked(&file)
    };
    ask().unwrap_or(false)
}

/// The caller is alone and has locked the name; it leaves afterwards, which unlocks the name.
fn remove_alone(place: &SegmentPath, file: FileId) -> Result<()> {
    match place.leads_to(file) {
        Ok(true) => remove(place, "the last one is out"),
        other => other.map(drop),
    }
}

fn remove(place: &SegmentPath, why: &'static str) -> Result<()> {
    if place.unlink()? {
        tracing::debug!(%place, why, "name removed");
    }
    Ok(())
}
