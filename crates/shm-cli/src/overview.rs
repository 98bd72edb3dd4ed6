//! What there is, as tables and JSON show it.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde::Serialize;
use shm_survey::{Holder, Holders, Listing, Locator, SegmentInfo};
use shmarray::BackendKind;

use crate::out::Paint;
use crate::table::Cell;
use crate::{units, words};

/// Everything there is. Its fields are those of `shmarray ls --json`.
#[derive(Debug, Serialize)]
pub(crate) struct Overview {
    pub(crate) segments: Vec<Segment>,
    pub(crate) unreadable: Vec<Unreadable>,
    /// How many entries of `/dev/shm` are none of ours.
    pub(crate) foreign: usize,
    /// How many processes this user may not look into.
    pub(crate) hidden_processes: usize,
    /// Why no process can be looked into, if so.
    pub(crate) blind: Option<String>,
}

/// One segment.
#[derive(Debug, Serialize)]
pub(crate) struct Segment {
    /// What other subcommands take.
    pub(crate) place: String,
    pub(crate) name: String,
    pub(crate) backend: String,
    pub(crate) dtype: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) order: String,
    /// Bytes of the elements.
    pub(crate) bytes: u64,
    pub(crate) created: String,
    pub(crate) age_seconds: u64,
    pub(crate) policy: String,
    /// Whether anybody has it, by the kernel's word; nothing if that cannot be asked.
    pub(crate) in_use: Option<bool>,
    pub(crate) processes: Vec<Process>,
    pub(crate) frozen: bool,
    pub(crate) guarded: bool,
    /// Whether it has a name, here or in the `/dev/shm` of another container.
    pub(crate) named: bool,
    /// Whether `shmarray gc` would remove it.
    pub(crate) abandoned: bool,
    /// Whether the place is a process and its file descriptor.
    #[serde(skip)]
    is_descriptor: bool,
}

/// A process that has a segment.
#[derive(Debug, Serialize)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) command: String,
}

impl From<&Holder> for Process {
    fn from(holder: &Holder) -> Self {
        Self { pid: holder.pid, command: holder.command.clone() }
    }
}

/// Those processes for people: `python3 4711, worker 4712 4713`.
pub(crate) fn who(processes: &[Process]) -> String {
    let mut by_command: BTreeMap<&str, String> = BTreeMap::new();
    for process in processes {
        let pids = by_command.entry(&process.command).or_default();
        pids.push_str(&format!(" {}", process.pid));
    }
    Vec::from_iter(by_command.iter().map(|(command, pids)| format!("{command}{pids}"))).join(", ")
}

/// What looks like a segment and cannot be read.
#[derive(Debug, Serialize)]
pub(crate) struct Unreadable {
    pub(crate) place: String,
    pub(crate) bytes: u64,
    pub(crate) error: String,
}

impl Overview {
    /// Looks.
    pub(crate) fn now() -> shmarray::Result<Self> {
        let Listing { segments, unreadable, foreign, hidden, blind, .. } = shm_survey::list()?;
        // Without /proc there are no holders to be seen: `blind` says so.
        let holders = shm_survey::holders().unwrap_or_default();
        let abandoned = abandoned()?;
        let segments = segments.iter().map(|seen| Segment::new(seen, &holders, &abandoned));
        let unreadable = unreadable.into_iter().map(|file| Unreadable {
            place: file.locator.to_string(),
            bytes: file.len,
            error: words::of_library(&file.error),
        });
        Ok(Self {
            segments: segments.collect(),
            unreadable: unreadable.collect(),
            foreign,
            hidden_processes: hidden,
            blind: blind.map(|error| error.to_string()),
        })
    }
}

/// A shape as Python writes it.
pub(crate) fn python_shape(shape: &[usize]) -> String {
    match shape {
        [length] => format!("({length},)"),
        lengths => {
            let lengths = Vec::from_iter(lengths.iter().map(usize::to_string));
            format!("({})", lengths.join(", "))
        }
    }
}

/// The entries that `shmarray gc` would remove now.
pub(crate) fn abandoned() -> shmarray::Result<HashSet<String>> {
    Ok(shmarray::names::abandoned()?.into_iter().map(|segment| segment.entry).collect())
}

impl Segment {
    pub(crate) fn new(seen: &SegmentInfo, holders: &Holders, abandoned: &HashSet<String>) -> Self {
        let header = seen.header();
        let created = units::moment(header.stamp().created);
        Self {
            place: seen.locator().to_string(),
            name: header.name().to_string(),
            backend: seen.backend().to_string(),
            dtype: header.dtype().to_string(),
            shape: header.layout().shape().to_vec(),
            order: header.layout().order().to_string(),
            bytes: header.layout().nbytes() as u64,
            created: units::utc(created),
            age_seconds: units::age(created).as_secs(),
            policy: header.cleanup().to_string(),
            in_use: seen.is_in_use().ok(),
            processes: holders.of(seen).iter().map(Process::from).collect(),
            frozen: seen.is_frozen(),
            guarded: header.guarded(),
            named: seen.has_name(),
            abandoned: matches!(seen.locator(), Locator::Entry(entry) if abandoned.contains(entry)),
            is_descriptor: matches!(seen.locator(), Locator::Descriptor { .. }),
        }
    }

    /// Its name for people: with the place, where the name does not lead to it.
    pub(crate) fn title(&self) -> String {
        if self.place == self.name {
            self.name.clone()
        } else {
            format!("{} ({})", self.place, self.name)
        }
    }

    /// The dtype, not longer than a column should be.
    pub(crate) fn short_dtype(&self) -> String {
        const MOST: usize = 24;
        if self.dtype.chars().count() <= MOST {
            return self.dtype.clone();
        }
        self.dtype.chars().take(MOST - 1).chain(['…']).collect()
    }

    /// The shape as Python writes it.
    pub(crate) fn python_shape(&self) -> String {
        python_shape(&self.shape)
    }

    /// Its age for people.
    pub(crate) fn age(&self) -> String {
        units::span(Duration::from_secs(self.age_seconds))
    }

    /// How many processes have it. The kernel's word is that of its locks: it counts also where
    /// the processes are not to be seen, as in another container.
    pub(crate) fn count(&self) -> Cell {
        match (self.in_use, self.processes.len()) {
            (Some(false), _) => Cell::new("none").paint(Paint::Dim),
            (Some(true), 0) => Cell::new("in use").paint(Paint::Green),
            (None, 0) => Cell::new("?"),
            (_, count) => Cell::new(count.to_string()).paint(Paint::Green),
        }
    }

    /// What is out of the ordinary.
    pub(crate) fn marks(&self) -> Cell {
        let paint = if self.abandoned { Paint::Yellow } else { Paint::Cyan };
        Cell::new(self.marks_text()).paint(paint)
    }

    /// The same as text.
    pub(crate) fn marks_text(&self) -> String {
        let is_shm = self.backend == BackendKind::Shm.as_str();
        let marks = [
            (self.abandoned, "abandoned"),
            (self.frozen, "frozen"),
            (self.guarded, "guarded"),
            (self.order == "F", "fortran"),
            (is_shm && !self.named, "nameless"),
            (is_shm && self.named && self.is_descriptor, "elsewhere"),
        ];
        let marks = marks.into_iter().filter_map(|(is_so, mark)| is_so.then_some(mark));
        Vec::from_iter(marks).join(" ")
    }
}
