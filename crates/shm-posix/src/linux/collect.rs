//! Garbage: segments that nobody is present in, and that are not to persist.
//!
//! A last holder that is killed leaves its segment's name; so does a process that is killed while
//! it replaces one, under a temporary name. Whether anybody is present, in whatever container or PID
//! namespace, the kernel tells; and a name is only removed by who is alone in what it leads to.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::SystemTime;

use rustix::fs::{FileType, lstat};
use rustix::io::pread;
use shm_core::{Access, Cleanup, Error, Header, Name, Result};

use shm_map::{read_header, system_error};
use shm_presence::{ask_others, is_name_locked};

use super::directory::{DIRECTORY, FileId, SegmentPath};
use super::names::remove_if_last;

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
    let entries = match std::fs::read_dir(DIRECTORY) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        result => result.map_err(|error| Error::os("open", DIRECTORY.to_owned(), error))?,
    };
    let mut found = Vec::new();
    for entry in entries.take(most).flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| is_possible(name)) else { continue };
        match consider(name, remove) {
            Ok(Some(abandoned)) => found.push(abandoned),
            Ok(None) => {}
            Err(error) => tracing::trace!(name, %error, "not garbage that can be collected"),
        }
    }
    Ok(found)
}

/// Whether it can be the entry of an array, or of a draft.
fn is_possible(entry: &str) -> bool {
    Name::new(entry.strip_prefix(SegmentPath::TEMPORARY_PREFIX).unwrap_or(entry)).is_ok()
}

/// Whether a draft can begin like this: with our magic, or not at all yet.
fn is_begun(fd: BorrowedFd<'_>) -> Result<bool> {
    let mut start = [0; 8];
    let len = pread(fd, &mut start, 0)
        .map_err(|errno| system_error("pread", "a temporary entry", errno))?;
    Ok(start[..len].iter().all(|byte| *byte == 0) || start == Header::MAGIC)
}

fn consider(entry: &str, remove: bool) -> Result<Option<Abandoned>> {
    let place = SegmentPath::entry(entry.as_bytes());
    let kind = lstat(place.path()).map(|stat| FileType::from_raw_mode(stat.st_mode));
    if kind != Ok(FileType::RegularFile) {
        return Ok(None); // a FIFO or a device would notice being opened
    }
    let fd = place.open(Access::ReadOnly)?;
    let stat = place.check(fd.as_fd())?;
    let bytes = stat.st_size.cast_unsigned();
    let is_draft = entry.starts_with(SegmentPath::TEMPORARY_PREFIX) && is_begun(fd.as_fd())?;
    if !is_draft {
        let header = read_header(fd.as_fd(), bytes)?;
        if header.cleanup() == Cleanup::Persist || !place.is_of(header.name()) {
            return Ok(None);
        }
    }
    if remove && is_name_locked(fd.as_fd())? {
        return Ok(None); // somebody changes it, or was stopped in the middle: not to be waited for
    }
    if ask_others(fd.as_fd())? || (remove && remove_if_last(&place, FileId::from(&stat))?) {
        return Ok(None);
    }
    if remove {
        tracing::info!(entry, bytes, "abandoned segment removed");
    }
    let since_1970 = std::time::Duration::from_secs(stat.st_mtime.try_into().unwrap_or_default());
    let modified = SystemTime::UNIX_EPOCH + since_1970;
    Ok(Some(Abandoned { entry: entry.into(), bytes, modified }))
}
