//! Traces of arrays in a process and in `/dev/shm`.

use std::fs;

/// The traces at one moment, to compare with those of another.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Traces {
    /// Entries of `/dev/shm` with the tag in their name.
    pub(crate) named: Vec<String>,
    /// Files with the tag in their name that are open here.
    pub(crate) open: Vec<String>,
    /// Files with the tag in their name that are mapped here.
    pub(crate) mapped: Vec<String>,
    /// How many files are open here.
    open_count: usize,
    /// How many mappings here are shared.
    shared_count: usize,
}

impl Traces {
    /// Looks for what has `tag` in its name.
    pub(crate) fn of(tag: &str) -> Self {
        let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
        let shared =
            maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|p| p.ends_with('s')));
        let shared: Vec<_> = shared.map(str::to_owned).collect();
        let (open_count, shared_count) = (open().len(), shared.len());
        let tagged = |mut all: Vec<String>| {
            all.retain(|one| one.contains(tag));
            all.sort();
            all
        };
        Self {
            named: tagged(entries("/dev/shm")),
            open: tagged(open()),
            mapped: tagged(shared),
            open_count,
            shared_count,
        }
    }

    /// Whether anything has the tag in its name.
    pub(crate) fn is_any(&self) -> bool {
        !(self.named.is_empty() && self.open.is_empty() && self.mapped.is_empty())
    }
}

fn entries(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn open() -> Vec<String> {
    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let links = entries.map(|entry| fs::read_link(entry.path()).unwrap_or_default());
    links.map(|link| link.to_string_lossy().into_owned()).collect()
}
