//! Which processes have which segment open or mapped, as far as the system shows.

use std::collections::{BTreeSet, HashMap};

use shm_core::Result;
use shm_map::FileId;

use crate::os;
use crate::process::ProcessError;
use crate::segment_info::SegmentInfo;

/// A process that has a segment open or mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The process, in this PID namespace.
    pub pid: u32,
    /// Its name, as `/proc/PID/comm` has it, [printable](crate::printable).
    pub command: String,
}

/// The holders of every segment.
#[derive(Clone, Debug, Default)]
pub struct Holders {
    by_file: HashMap<FileId, Vec<Holder>>,
    hidden: usize,
}

impl Holders {
    /// The processes that have that segment open or mapped, by process id, forked children included.
    pub fn of(&self, segment: &SegmentInfo) -> &[Holder] {
        self.by_file.get(&segment.file_id()).map_or(&[], Vec::as_slice)
    }

    /// How many processes this user may not look into; each may have any segment as well. It does not
    /// count processes that `/proc` does not even name: of other PID namespaces, or with `hidepid`.
    pub fn hidden(&self) -> usize {
        self.hidden
    }
}

/// Finds the holders of every segment: one walk through `/proc`. This process is among them if it maps
/// the segment, not if it only looks at it.
///
/// # Errors
/// [`Path`](shm_core::ErrorKind::Path) if `/proc` shows no processes;
/// [`LimitReached`](shm_core::ErrorKind::LimitReached) if this process is out of file descriptors.
pub fn holders() -> Result<Holders> {
    let mut all = Holders::default();
    for pid in os::processes()? {
        match files_of(pid) {
            Ok(files) if files.is_empty() => {}
            Ok(files) => {
                let holder = Holder { pid, command: os::command(pid) };
                for file in files {
                    all.by_file.entry(file).or_default().push(holder.clone());
                }
            }
            Err(ProcessError::Denied) => all.hidden += 1,
            Err(ProcessError::Ended) => {}
            Err(ProcessError::Failed(error)) => return Err(error),
        }
    }
    for holders in all.by_file.values_mut() {
        holders.sort_unstable_by_key(|holder| holder.pid);
    }
    Ok(all)
}

/// The files that a process has open or mapped and that may be segments.
fn files_of(pid: u32) -> Result<BTreeSet<FileId>, ProcessError> {
    let mut files: BTreeSet<_> = os::mappings(pid)?.into_iter().collect();
    if pid != std::process::id() {
        files.extend(os::fds(pid)?.iter().map(|open| open.id));
    }
    Ok(files)
}
