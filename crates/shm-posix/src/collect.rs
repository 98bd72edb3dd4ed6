//! Garbage: segments that nobody is present in, and that are not to persist.
//!
//! A last holder that is killed leaves its segment's name; so does a process that is killed while
//! it replaces one, under a temporary name. Whether anybody is present, in whatever container or PID
//! namespace, the kernel tells; and only a process that is alone in what a name leads to removes it.

use std::fs::File;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::SystemTime;

use shm_core::{Access, Cleanup, Header, Name, Result};
use shm_map::read_header;
use shm_presence::{ask_others, is_name_locked};

use crate::names::remove_if_last;
use crate::os::{self, SegmentPath};

/// The most entries that a process looks at by itself: the rest waits for the next.
const MOST: usize = 1024;

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

/// Removes abandoned segments, at the first create of this process.
pub(crate) fn once() {
    static DONE: AtomicBool = AtomicBool::new(false);
    if DONE.swap(true, Relaxed) {
        return;
    }
    if let Err(error) = collect(true, MOST) {
        tracing::debug!(%error, "garbage stays");
    }
}

/// Finds what is abandoned among the first `most` entries, and removes it if asked to. What is none
/// of ours, or cannot be looked at, is left alone. Without that folder there is nothing.
pub(crate) fn collect(remove: bool, most: usize) -> Result<Vec<Abandoned>> {
    let mut found = Vec::new();
    for name in os::entries()?.take(most).flatten() {
        let Some(name) = name.to_str().filter(|name| is_possible(name)) else { continue };
        match consider(name, remove) {
            Ok(Some(abandoned)) => found.push(abandoned),
            Ok(None) => {}
            Err(error) => tracing::trace!(name, %error, "not garbage that can be collected"),
        }
    }
    Ok(found)
}

/// Whether it can be the entry of an array, or of an unpublished segment.
fn is_possible(entry: &str) -> bool {
    Name::new(entry.strip_prefix(SegmentPath::TEMPORARY_PREFIX).unwrap_or(entry)).is_ok()
}

/// Whether an unpublished segment can begin like this: with our magic, or not at all yet.
fn is_begun(file: &File) -> Result<bool> {
    let mut start = [0; 8];
    let len = os::read_start(file, &mut start, || "a temporary entry".into())?;
    Ok(start[..len].iter().all(|byte| *byte == 0) || start == Header::MAGIC)
}

fn consider(entry: &str, remove: bool) -> Result<Option<Abandoned>> {
    let place = SegmentPath::entry(entry.as_bytes());
    if !place.is_regular_file() {
        return Ok(None); // a FIFO or a device would notice being opened
    }
    let file = place.open(Access::ReadOnly)?;
    let facts = place.check(&file)?;
    let bytes = facts.len();
    let is_unpublished = entry.starts_with(SegmentPath::TEMPORARY_PREFIX) && is_begun(&file)?;
    if !is_unpublished {
        let header = read_header(file.as_fd(), bytes)?;
        if header.cleanup() == Cleanup::Persist || !place.is_of(header.name()) {
            return Ok(None);
        }
    }
    if remove && is_name_locked(&file)? {
        return Ok(None); // a process changes it, or was stopped in the middle: not to be waited for
    }
    if ask_others(&file)? || (remove && remove_if_last(&place, facts.id())?) {
        return Ok(None);
    }
    if remove {
        tracing::info!(entry, bytes, "abandoned segment removed");
    }
    Ok(Some(Abandoned { entry: entry.into(), bytes, modified: facts.modified() }))
}
