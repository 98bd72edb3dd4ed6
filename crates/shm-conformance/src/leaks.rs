//! What a test must leave as it was: descriptors, shared mappings, entries of `/dev/shm`.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::harness::prefix;
use crate::private;

/// What this process holds at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What each open descriptor leads to; not the files that a process has for the locks of its
    /// anonymous arrays.
    pub descriptors: Vec<PathBuf>,
    /// Size, access and file of each shared mapping.
    pub mappings: Vec<String>,
    /// The entries of `/dev/shm`: all in a private one, otherwise those of this process.
    pub entries: Vec<String>,
}

impl Snapshot {
    /// What there is now.
    pub fn take() -> Self {
        Self { descriptors: descriptors(), mappings: mappings(), entries: entries() }
    }

    /// Fails if anything has come or gone since.
    pub fn assert_unchanged(&self, after: &str) {
        assert_eq!(*self, Self::take(), "left: before, right: after {after}");
    }
}

/// Runs a test alone in its process, and fails if it leaves anything.
pub fn none(test: impl FnOnce()) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let before = Snapshot::take();
    test();
    before.assert_unchanged("the test");
}

fn descriptors() -> Vec<PathBuf> {
    let listing = std::fs::read_dir("/proc/self/fd").unwrap();
    let mut all: Vec<_> = listing
        .filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok())
        .filter(|target| !target.ends_with(format!("{}/fd", std::process::id()))) // the listing
        .filter(|target| !target.to_string_lossy().contains("memfd:shmarray-locks"))
        .collect();
    all.sort();
    all
}

fn mappings() -> Vec<String> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut shared: Vec<_> = maps.lines().filter_map(shared_mapping).collect();
    shared.sort();
    shared
}

/// Size, access and file of a line of proc(5) `maps`, if it is a shared mapping.
fn shared_mapping(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let access = words.next().filter(|access| access.ends_with('s'))?;
    let address = |text| u64::from_str_radix(text, 16).unwrap();
    let file: Vec<_> = words.skip(3).collect();
    Some(format!("{} {access} {}", address(end) - address(start), file.join(" ")))
}

/// The names in `/dev/shm`: all in a private one, otherwise those that [`unique_name`] gave.
///
/// [`unique_name`]: crate::unique_name
pub fn entries() -> Vec<String> {
    let listing = std::fs::read_dir("/dev/shm").unwrap();
    let names = listing.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut ours: Vec<_> =
        names.filter(|name| private::is_private() || name.starts_with(&prefix())).collect();
    ours.sort();
    ours
}
