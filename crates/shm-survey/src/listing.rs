//! Lists every segment.

use std::collections::HashSet;
use std::ffi::OsStr;

use shm_core::{Error, ErrorKind, Header, Name, Result};
use shm_map::FileId;

use crate::file::OpenFile;
use crate::locator::Locator;
use crate::os;
use crate::process::{ProcessError, ProcessFd};
use crate::segment_info::SegmentInfo;

/// The segments of this machine, as far as this user can see them.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Listing {
    /// The segments, by name.
    pub segments: Vec<SegmentInfo>,
    /// Files that begin like a segment, or have the name of a temporary one, and cannot be read; by
    /// locator.
    pub unreadable: Vec<Unreadable>,
    /// How many entries of `/dev/shm` are not ours, or this user may not read them.
    pub foreign: usize,
    /// How many processes this user may not look into: the listing lacks their memfd arrays.
    pub hidden: usize,
    /// Why this process could not look into any process, if so: the listing has no memfd array then.
    pub blind: Option<Error>,
}

/// A file that cannot be taken for a segment.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unreadable {
    /// Where it is.
    pub locator: Locator,
    /// Size of the file, in bytes; zero if this user may not open it.
    pub len: u64,
    /// The user id of its owner; `None` if it was removed meanwhile.
    pub owner: Option<u32>,
    /// Why not.
    pub error: Error,
}

/// Lists the segments in `/dev/shm`, and those that a process has open which this user may look into:
/// memfds, and segments whose name is removed or in another mount namespace. A segment of the second
/// sort is listed once, under the first process that has it, and only if a process is present in it.
///
/// A segment that is made or removed meanwhile may be listed or not. A missing `/dev/shm` counts as
/// empty.
///
/// # Errors
/// [`ErrorKind::Os`] if `/dev/shm` cannot be read; [`ErrorKind::LimitReached`] if this process is
/// out of file descriptors.
pub fn list() -> Result<Listing> {
    let mut listing = Listing::default();
    let mut seen = HashSet::new();
    listing.add_entries(&mut seen)?;
    listing.add_open_files(&mut seen)?;
    let by_name = |found: &SegmentInfo| (found.header().name().clone(), found.locator().clone());
    listing.segments.sort_by_cached_key(by_name);
    listing.unreadable.sort_by(|a, b| a.locator.cmp(&b.locator));
    Ok(listing)
}

impl Listing {
    fn add_entries(&mut self, seen: &mut HashSet<FileId>) -> Result<()> {
        for name in os::entries()? {
            match os::open_entry(&name) {
                Ok(opened) => {
                    seen.insert(opened.stat.id);
                    self.add_entry(&name, opened);
                }
                Err(error) => self.add_refused(&name, error)?,
            }
        }
        Ok(())
    }

    fn add_entry(&mut self, entry: &OsStr, opened: OpenFile) {
        let (locator, is_possible) = Locator::listed(entry);
        if has_magic(&opened) || is_temporary(entry) {
            self.add(locator, opened, is_possible);
        } else {
            self.foreign += 1;
        }
    }

    fn add_refused(&mut self, entry: &OsStr, error: Error) -> Result<()> {
        match error.kind() {
            ErrorKind::NotFound { .. } => {} // removed meanwhile
            _ if is_limit(&error) => return Err(error),
            _ if is_temporary(entry) => {
                let ((locator, _), owner) = (Locator::listed(entry), os::entry_owner(entry));
                self.unreadable.push(Unreadable { locator, len: 0, owner, error });
            }
            _ => self.foreign += 1,
        }
        Ok(())
    }

    fn add_open_files(&mut self, seen: &mut HashSet<FileId>) -> Result<()> {
        let pids = match os::processes() {
            Ok(pids) => pids,
            Err(error) if is_limit(&error) => return Err(error),
            Err(error) => {
                self.blind = Some(error);
                return Ok(());
            }
        };
        let device = os::entries_device()?;
        for pid in pids {
            let fds = match os::fds(pid) {
                Ok(fds) => fds,
                Err(ProcessError::Ended) => continue,
                Err(ProcessError::Denied) => {
                    self.hidden += 1;
                    continue;
                }
                Err(ProcessError::Failed(error)) => return Err(error),
            };
            for ProcessFd { fd, id, has_name } in fds {
                // An entry that is not among those seen was made since the directory was read.
                let is_entry = has_name && Some(id.device) == device;
                if !is_entry && !seen.contains(&id) {
                    self.add_open_file(pid, fd, seen)?;
                }
            }
        }
        Ok(())
    }

    fn add_open_file(&mut self, pid: u32, fd: u32, seen: &mut HashSet<FileId>) -> Result<()> {
        match os::open_descriptor(pid, fd) {
            Ok(opened) => {
                if seen.insert(opened.stat.id) && has_magic(&opened) && is_present(&opened) {
                    self.add(Locator::Descriptor { pid, fd }, opened, Ok(()));
                }
                Ok(())
            }
            Err(error) if is_limit(&error) => Err(error),
            Err(_) => Ok(()), // closed meanwhile, or not for this user
        }
    }

    fn add(&mut self, locator: Locator, opened: OpenFile, is_possible: Result<()>) {
        let (len, owner) = (opened.stat.len, Some(opened.stat.owner));
        let keep = os::has_room_for_more(&opened.file);
        match is_possible.and_then(|()| SegmentInfo::read(locator.clone(), opened, keep)) {
            Ok(segment) => self.segments.push(segment),
            Err(error) => self.unreadable.push(Unreadable { locator, len, owner, error }),
        }
    }
}

/// Whether the file begins as every segment does.
fn has_magic(opened: &OpenFile) -> bool {
    let mut start = [0; Header::MAGIC.len()];
    let read = os::read_at(&opened.file, &mut start, 0);
    read.is_ok_and(|count| count == start.len()) && start == Header::MAGIC
}

/// Whether a process is present, or the kernel does not say. Without this check, two `watch` would each
/// list for ever a segment that only the other one holds open.
fn is_present(opened: &OpenFile) -> bool {
    os::is_in_use(&opened.file).unwrap_or(true)
}

fn is_limit(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::LimitReached { .. })
}

fn is_temporary(entry: &OsStr) -> bool {
    entry.as_encoded_bytes().starts_with(Name::TEMPORARY_PREFIX.as_bytes())
}
