//! Garbage: segments that nobody is present in, and that are not to persist.
//!
//! A last holder that is killed leaves its segment's name; so does a process that is killed while
//! it replaces one, under a temporary name. Whether anybody is present, in whatever container or PID
//! namespace, the kernel tells; and only a process that is alone in what a name leads to removes it.

use std::fs::File;
use std::time::SystemTime;

use shm_core::{Access, Cleanup, Error, ErrorKind, Header, Name, Result};
use shm_map::{FileStat, read_header};
use shm_presence::{ask_others, is_name_locked};

use crate::names::remove_if_last;
use crate::os::{self, Cursor, SegmentPath};

/// A segment that nobody is attached to, and that is not to persist.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Abandoned {
    /// Its entry in `/dev/shm`: the array's name, or one that begins with `.shmarray-tmp-`.
    pub entry: String,
    /// Its size, in bytes.
    pub bytes: u64,
    /// When it was last written to by a system call, usually when it was made.
    pub modified: SystemTime,
}

/// An abandoned segment that this process leaves as it is.
#[derive(Debug)]
#[non_exhaustive]
pub struct Uncollected {
    /// The segment.
    pub segment: Abandoned,
    /// Why: [`ErrorKind::WrongOwner`] for another user's; [`ErrorKind::Busy`] for one whose name a
    /// process changes at this moment, or was stopped while it did.
    pub reason: Error,
}

/// What is to be done about garbage.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// Tell which segments can be collected.
    Look,
    /// Remove them, and tell.
    Remove,
}

/// Does that with all that is abandoned. What is none of ours, or cannot be looked at, is left alone.
/// Without that folder there is nothing.
pub(crate) fn collect(task: Task) -> Result<Vec<Abandoned>> {
    let mut found = Vec::new();
    os::walk(Cursor::START, |name| {
        found.extend(consider(name.to_bytes(), task));
        true
    })?;
    Ok(found)
}

/// What is abandoned and stays, as far as this process can see: the superuser sees what belongs to
/// others. It could remove that, but whoever owns an entry can exchange it at any moment for one that is
/// in use, and no lock keeps a hostile owner from doing so: each user collects his own.
pub(crate) fn uncollected() -> Result<Vec<Uncollected>> {
    let mut found = Vec::new();
    os::walk(Cursor::START, |name| {
        let left = possible(name.to_bytes()).map(left_alone);
        match left.unwrap_or(Ok(None)) {
            Ok(left) => found.extend(left),
            Err(error) => tracing::trace!(?name, %error, "not to be looked at"),
        }
        true
    })?;
    Ok(found)
}

/// What there is at an entry to collect. One that cannot be the entry of a segment of this user's is not
/// opened: it would take longer.
pub(crate) fn consider(entry: &[u8], task: Task) -> Option<Abandoned> {
    let (name, place, owner) = possible(entry)?;
    if !SegmentPath::is_own(owner) {
        return None;
    }
    open_own(&place, name, task).unwrap_or_else(|error| {
        tracing::trace!(name, %error, "not garbage that can be collected");
        None
    })
}

/// The entry of a regular file that may be a segment, and its owner; a FIFO or a device would notice
/// being opened.
fn possible(entry: &[u8]) -> Option<(&str, SegmentPath, u32)> {
    let name = str::from_utf8(entry).ok().filter(|name| is_possible(name))?;
    let place = SegmentPath::entry(entry);
    let owner = place.owner_of_file()?;
    Some((name, place, owner))
}

/// Whether it can be the entry of an array, or of an unpublished segment.
fn is_possible(entry: &str) -> bool {
    Name::check_entry(entry).is_ok()
}

/// Whether an unpublished segment can begin like this: with our magic, or not at all yet.
fn is_begun(file: &File) -> Result<bool> {
    let mut start = [0; 8];
    let len = os::read_start(file, &mut start, || "a temporary entry".into())?;
    Ok(start[..len].iter().all(|byte| *byte == 0) || start == Header::MAGIC)
}

fn open_own(place: &SegmentPath, entry: &str, task: Task) -> Result<Option<Abandoned>> {
    let file = place.open(Access::ReadOnly)?;
    let stat = place.check(&file)?;
    let remove = task == Task::Remove;
    if !is_segment(place, entry, &file, &stat)? {
        return Ok(None);
    }
    if is_name_locked(&file)? {
        return Ok(None); // a process changes it, or was stopped in the middle: not to be waited for
    }
    if ask_others(&file)? || (remove && remove_if_last(place, stat.id)?) {
        return Ok(None);
    }
    let abandoned = Abandoned { entry: entry.into(), bytes: stat.len, modified: stat.modified };
    if remove {
        tracing::info!(entry, bytes = abandoned.bytes, "abandoned segment removed");
    }
    Ok(Some(abandoned))
}

/// Why an abandoned segment is not collected, if it is one and is not.
fn left_alone((entry, place, owner): (&str, SegmentPath, u32)) -> Result<Option<Uncollected>> {
    let file = place.open(Access::ReadOnly)?;
    let stat = os::stat(&file, || place.to_string())?;
    if !is_segment(&place, entry, &file, &stat)? || ask_others(&file)? {
        return Ok(None);
    }
    let reason = match place.check(&file) {
        Err(error) => error,
        Ok(_) if is_name_locked(&file)? => {
            let (object, holder) = (place.to_string(), "a process that removes or replaces it");
            ErrorKind::Busy { object, holder, waited_ms: 0 }.into()
        }
        Ok(_) => return Ok(None),
    };
    let segment = Abandoned { entry: entry.into(), bytes: stat.len, modified: stat.modified };
    tracing::debug!(entry, owner, %reason, "abandoned, and left");
    Ok(Some(Uncollected { segment, reason }))
}

/// Whether a file is a segment that is not to persist, or one that was never published.
fn is_segment(place: &SegmentPath, entry: &str, file: &File, stat: &FileStat) -> Result<bool> {
    if entry.starts_with(Name::TEMPORARY_PREFIX) && is_begun(file)? {
        return Ok(true);
    }
    let header = read_header(file, stat.len)?;
    Ok(header.cleanup() != Cleanup::Persist && place.is_of(header.name()))
}
