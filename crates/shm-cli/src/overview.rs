//! The arrays of this machine, as tables and JSON show them.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;
use shm_survey::{Holder, Holders, Listing, Locator, SegmentInfo, printable};

use crate::{elide, error_text, natural, os, units};

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
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Segment {
    /// The name or `PID:FD` that other subcommands take.
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
    /// The user it belongs to.
    pub(crate) owner: u32,
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
    pub(crate) is_descriptor: bool,
}

/// A process that has a segment.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) command: String,
    /// Its arguments, without its name.
    pub(crate) arguments: Vec<String>,
}

impl From<&Holder> for Process {
    fn from(holder: &Holder) -> Self {
        let (pid, command) = (holder.pid, holder.command.clone());
        Self { pid, command, arguments: os::arguments(pid) }
    }
}

impl Process {
    /// Its name and its arguments, which tell two programs of one interpreter apart; of paths, the
    /// last part.
    pub(crate) fn title(&self) -> String {
        const MOST: usize = 32;
        let last_part = |argument: &String| {
            let last = argument.rsplit('/').next().filter(|_| argument.starts_with('/'));
            last.unwrap_or(argument).to_owned()
        };
        let words = std::iter::once(self.command.clone());
        let words = Vec::from_iter(words.chain(self.arguments.iter().map(last_part)));
        elide::middle(&printable(&words.join(" ")), MOST)
    }
}

/// Those processes for people: `python3 train.py 4711, worker 4712 4713`.
pub(crate) fn who(processes: &[Process]) -> String {
    let mut by_command: BTreeMap<String, String> = BTreeMap::new();
    for process in processes {
        let pids = by_command.entry(process.title()).or_default();
        pids.push_str(&format!(" {}", process.pid));
    }
    Vec::from_iter(by_command.iter().map(|(command, pids)| format!("{command}{pids}"))).join(", ")
}

/// A file that begins as a segment does and cannot be read.
#[derive(Debug, Serialize)]
pub(crate) struct Unreadable {
    pub(crate) place: String,
    pub(crate) bytes: u64,
    /// The user it belongs to; nothing if it is gone.
    pub(crate) owner: Option<u32>,
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
        let mut segments = Vec::from_iter(segments);
        segments.sort_by(|one, other| natural::compare(&one.name, &other.name));
        let unreadable = unreadable.into_iter().map(|file| Unreadable {
            place: file.locator.to_string(),
            bytes: file.len,
            owner: file.owner,
            error: error_text::of_library(&file.error),
        });
        Ok(Self {
            segments,
            unreadable: unreadable.collect(),
            foreign,
            hidden_processes: hidden,
            blind: blind.map(|error| error.to_string()),
        })
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
            owner: seen.owner(),
            in_use: seen.is_in_use().ok(),
            processes: holders.of(seen).iter().map(Process::from).collect(),
            frozen: seen.is_frozen(),
            guarded: header.guarded(),
            named: seen.has_name(),
            abandoned: matches!(seen.locator(), Locator::Entry(entry) if abandoned.contains(entry)),
            is_descriptor: matches!(seen.locator(), Locator::Descriptor { .. }),
        }
    }
}
