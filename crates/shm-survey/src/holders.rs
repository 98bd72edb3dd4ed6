//! Which processes have which segment, as far as `/proc` shows.

use std::collections::{BTreeSet, HashMap};

use shm_core::Result;

use crate::SegmentInfo;
use crate::opened::FileId;
use crate::processes::{self, Closed};

/// A process that has a segment open or mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process, in this PID namespace.
    pub pid: u32,
    /// Its name, as `/proc/PID/comm` has it, [printable](crate::printable).
    pub command: String,
}

/// Who has what.
#[derive(Clone, Debug, Default)]
pub struct Holders {
    by_file: HashMap<FileId, Vec<Holder>>,
    hidden: usize,
}

impl Holders {
    /// Who has that segment open or mapped, by process id. Forked children that still have it are
    /// among them.
    pub fn of(&self, specimen: &SegmentInfo) -> &[Holder] {
        self.by_file.get(&specimen.file_id()).map_or(&[], Vec::as_slice)
    }

    /// How many processes may not be looked into, and so may have any segment as well. Those that
    /// `/proc` does not even name are not counted: of other PID namespaces, or with `hidepid`.
    pub fn hidden(&self) -> usize {
        self.hidden
    }
}

/// The holders of every segment: one walk through `/proc`. This process is among them if it maps
/// the segment, not if it only looks at it.
///
/// # Errors
/// [`Path`](shm_core::ErrorKind::Path) if `/proc` shows no processes;
/// [`LimitReached`](shm_core::ErrorKind::LimitReached) if this process is out of file descriptors.
pub fn holders() -> Result<Holders> {
    let mut all = Holders::default();
    for pid in processes::all()? {
        match files_of(pid) {
            Ok(files) if files.is_empty() => {}
            Ok(files) => {
                let holder = Holder { pid, command: processes::command(pid) };
                for file in files {
                    all.by_file.entry(file).or_default().push(holder.clone());
                }
            }
            Err(Closed::Hidden) => all.hidden += 1,
            Err(Closed::Gone) => {}
            Err(Closed::Failed(error)) => return Err(error),
        }
    }
    for holders in all.by_file.values_mut() {
        holders.sort_unstable_by_key(|holder| holder.pid);
    }
    Ok(all)
}

/// What a process has open or mapped that may be a segment.
fn files_of(pid: u32) -> Result<BTreeSet<FileId>, Closed> {
    let mut files: BTreeSet<_> = processes::mappings(pid)?.into_iter().collect();
    if pid != std::process::id() {
        files.extend(processes::descriptors(pid)?.iter().map(|descriptor| descriptor.id));
    }
    Ok(files)
}
