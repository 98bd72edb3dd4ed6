//! Everything there is.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;

use rustix::io::Errno;
use shm_core::{Error, ErrorKind, Result};
use shm_map::system_error;

use crate::locator::TEMPORARY;
use crate::opened::{DIRECTORY, FileId, Opened};
use crate::processes::{self, Closed, Descriptor};
use crate::{Locator, SegmentInfo};

/// What was found.
#[derive(Debug, Default)]
pub struct Listing {
    /// The segments, by name.
    pub segments: Vec<SegmentInfo>,
    /// What begins like a segment, or has the name of a temporary one, and cannot be read; by place.
    pub unreadable: Vec<Unreadable>,
    /// How many entries of `/dev/shm` are none of ours, or may not be looked at.
    pub foreign: usize,
    /// How many processes this user may not look into: their memfd arrays are not listed.
    pub hidden: usize,
    /// Why no process could be looked into, if so: then no memfd array is listed.
    pub blind: Option<Error>,
}

/// A file that cannot be taken for a segment.
#[derive(Debug)]
pub struct Unreadable {
    /// Where it is.
    pub place: Locator,
    /// Size of the file, in bytes; zero if it may not be opened.
    pub len: u64,
    /// Why not.
    pub error: Error,
}

/// Looks at every entry of `/dev/shm`, and at what the processes that this user may look into have
/// open: memfds, and segments whose name is gone or in another mount namespace. Of those, the ones
/// that somebody is present in are listed, each once, under the first process that has it.
///
/// What comes or goes meanwhile may be listed or not. Where there is no `/dev/shm`, it has no
/// entries.
///
/// # Errors
/// [`ErrorKind::Os`] if `/dev/shm` cannot be read; [`ErrorKind::LimitReached`] if this process is
/// out of file descriptors.
pub fn list() -> Result<Listing> {
    let mut listing = Listing::default();
    let mut seen = HashSet::new();
    listing.add_entries(&mut seen)?;
    listing.add_descriptors(&mut seen)?;
    let by_name = |found: &SegmentInfo| (found.header().name().clone(), found.place().clone());
    listing.segments.sort_by_cached_key(by_name);
    listing.unreadable.sort_by(|a, b| a.place.cmp(&b.place));
    Ok(listing)
}

impl Listing {
    fn add_entries(&mut self, seen: &mut HashSet<FileId>) -> Result<()> {
        let failed = |error| processes::failed(DIRECTORY, error);
        let entries = match std::fs::read_dir(DIRECTORY) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            match Opened::entry(&name) {
                Ok(opened) => {
                    seen.insert(opened.facts.id);
                    self.add_entry(&name, opened);
                }
                Err(error) => self.add_refused(&name, error)?,
            }
        }
        Ok(())
    }

    fn add_entry(&mut self, entry: &OsStr, opened: Opened) {
        let (place, is_possible) = Locator::listed(entry);
        if !opened.has_magic() && !is_temporary(entry) {
            self.foreign += 1;
            return;
        }
        self.add(place, opened, is_possible);
    }

    fn add_refused(&mut self, entry: &OsStr, error: Error) -> Result<()> {
        match error.kind() {
            ErrorKind::NotFound { .. } => {} // removed meanwhile
            _ if is_limit(&error) => return Err(error),
            _ if is_temporary(entry) => {
                let (place, _) = Locator::listed(entry);
                self.unreadable.push(Unreadable { place, len: 0, error });
            }
            _ => self.foreign += 1,
        }
        Ok(())
    }

    fn add_descriptors(&mut self, seen: &mut HashSet<FileId>) -> Result<()> {
        let pids = match processes::all() {
            Ok(pids) => pids,
            Err(error) if is_limit(&error) => return Err(error),
            Err(error) => {
                self.blind = Some(error);
                return Ok(());
            }
        };
        let device = match rustix::fs::stat(DIRECTORY) {
            Ok(directory) => Some(directory.st_dev),
            Err(Errno::NOENT) => None,
            Err(errno) => return Err(system_error("stat", DIRECTORY, errno)),
        };
        for pid in pids {
            let descriptors = match processes::descriptors(pid) {
                Ok(descriptors) => descriptors,
                Err(Closed::Gone) => continue,
                Err(Closed::Hidden) => {
                    self.hidden += 1;
                    continue;
                }
                Err(Closed::Failed(error)) => return Err(error),
            };
            for Descriptor { fd, id, has_name } in descriptors {
                // What has a name here by now was made since the entries were listed.
                let is_entry = has_name && Some(id.0) == device;
                if !is_entry && !seen.contains(&id) {
                    self.add_descriptor(pid, fd, seen)?;
                }
            }
        }
        Ok(())
    }

    fn add_descriptor(&mut self, pid: u32, fd: u32, seen: &mut HashSet<FileId>) -> Result<()> {
        match Opened::descriptor(pid, fd) {
            Ok(opened) => {
                if seen.insert(opened.facts.id) && opened.has_magic() && is_present(&opened) {
                    self.add(Locator::Descriptor { pid, fd }, opened, Ok(()));
                }
                Ok(())
            }
            Err(error) if is_limit(&error) => Err(error),
            Err(_) => Ok(()), // closed meanwhile, or not for this user
        }
    }

    fn add(&mut self, place: Locator, opened: Opened, is_possible: Result<()>) {
        let (len, keep) = (opened.facts.len, opened.leaves_room());
        match is_possible.and_then(|()| SegmentInfo::read(place.clone(), opened, keep)) {
            Ok(specimen) => self.segments.push(specimen),
            Err(error) => self.unreadable.push(Unreadable { place, len, error }),
        }
    }
}

/// Whether anybody is present, or it cannot be told. Otherwise two `watch` would each list the
/// segment that only the other holds open, for ever.
fn is_present(opened: &Opened) -> bool {
    shm_presence::ask_others(opened.fd.as_fd()).unwrap_or(true)
}

fn is_limit(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::LimitReached { .. })
}

fn is_temporary(entry: &OsStr) -> bool {
    entry.as_encoded_bytes().starts_with(TEMPORARY.as_bytes())
}
