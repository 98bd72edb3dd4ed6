//! `shmarray stat`.

use std::io::Write;
use std::process::ExitCode;

use clap_complete::engine::ArgValueCandidates;
use serde::Serialize;
use shm_survey::{Participant, SegmentInfo, WaitState, WaitsFor};

use crate::columns::marks_text;
use crate::lookup;
use crate::out::{Out, tell};
use crate::overview::{Segment, abandoned};
use crate::paint::Paint;
use crate::shape::python_shape;
use crate::table::{Cell, Column, Table};
use crate::{candidates, os, units};

const HELP: &str = "\
The table of slots has the processes that ever took a lock, a chunk or a place
at a barrier in the array; their numbers are those of their own PID
namespaces. The table of processes has those that have it open or mapped now,
as far as /proc shows.

Examples:
  shmarray stat elevation
  shmarray stat 4711:5             a memfd: file descriptor 5 of process 4711
  shmarray stat elevation --json | jq .data_offset
";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// Its name, or the process and the file descriptor: PID:FD
    #[arg(add = ArgValueCandidates::new(candidates::arrays))]
    name: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The fields of `shmarray stat --json`: those of a segment in `shmarray ls --json`, and these.
#[derive(Serialize)]
struct Details {
    #[serde(flatten)]
    segment: Segment,
    itemsize: usize,
    elements: usize,
    /// Bytes from the start of the segment to the first element.
    data_offset: u64,
    /// The greatest power of two by which that is divisible.
    alignment: u64,
    /// Bytes from the header to the last element.
    segment_bytes: u64,
    /// Size of the file.
    file_bytes: u64,
    /// Bytes of memory that it has taken so far.
    allocated_bytes: u64,
    uuid: String,
    /// The process that made it, in its own PID namespace.
    creator_pid: u32,
    modified: String,
    /// How many participants can have a slot.
    slots: u32,
    /// Nothing if they cannot be read.
    participants: Option<Vec<Slot>>,
    /// Nothing if it is not guarded, or cannot be read.
    lock: Option<Lock>,
}

#[derive(Serialize)]
struct Slot {
    slot: u32,
    generation: u32,
    pid: u32,
    since: String,
    since_seconds: u64,
    alive: bool,
    /// Nothing if it does not wait.
    waits_for: Option<Waiting>,
}

/// What a participant waits for.
#[derive(Serialize)]
struct Waiting {
    what: &'static str,
    /// Of those it waits for.
    slots: Vec<u32>,
}

#[derive(Serialize)]
struct Lock {
    /// The slot of the exclusive lock holder.
    holder: Option<u32>,
    holder_alive: bool,
    /// Whether the exclusive lock holder still waits for the sharers.
    holder_waits: bool,
    /// Whether others wait for the exclusive lock holder.
    is_waited_for: bool,
    /// The slots of the shared lock holders.
    sharers: Vec<u32>,
    /// Whether a writer died or panicked in the middle.
    poisoned: bool,
}

pub(crate) fn run(arguments: &Arguments, out: &mut Out) -> anyhow::Result<ExitCode> {
    let seen = lookup::find(&arguments.name)?;
    let details = Details::of(&seen)?;
    if arguments.json {
        out.json(&details)?;
    } else {
        print(&details, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Details {
    fn of(seen: &SegmentInfo) -> shmarray::Result<Self> {
        let holders = shm_survey::holders().unwrap_or_else(|error| {
            tell(format_args!("who has it cannot be seen: {error}"));
            Default::default()
        });
        let participants = seen.participants();
        if let Err(error) = &participants {
            tell(format_args!("its participants cannot be read: {error}"));
        }
        let header = seen.header();
        let waits = seen.waits().unwrap_or_default();
        let lock = if header.guarded() { seen.lock_state().ok() } else { None };
        let (stamp, layout) = (header.stamp(), header.layout());
        Ok(Self {
            segment: Segment::new(seen, &holders, &abandoned()?),
            itemsize: layout.itemsize(),
            elements: layout.len(),
            data_offset: header.data_offset(),
            alignment: 1 << header.data_offset().trailing_zeros().min(63),
            segment_bytes: header.segment_len(),
            file_bytes: seen.len(),
            allocated_bytes: seen.allocated(),
            uuid: stamp.uuid.to_string(),
            creator_pid: stamp.creator,
            modified: units::utc(seen.modified()),
            slots: header.slot_count(),
            participants: participants
                .ok()
                .map(|all| all.iter().map(|one| Slot::of(one, &waits)).collect()),
            lock: lock.map(|lock| Lock {
                holder: lock.holder,
                holder_alive: lock.holder_alive,
                holder_waits: lock.holder_waits,
                is_waited_for: lock.is_waited_for,
                sharers: lock.sharers,
                poisoned: lock.poisoned,
            }),
        })
    }

    /// The lines for people, with their names.
    fn lines(&self, rounded: bool) -> Vec<(&'static str, String)> {
        let segment = &self.segment;
        let bytes = |count: u64| {
            if rounded { format!("{count} ({})", units::bytes(count)) } else { count.to_string() }
        };
        let in_use = match segment.in_use {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not to be asked",
        };
        let mut lines = vec![
            ("name", segment.name.clone()),
            ("place", segment.place.clone()),
            ("backend", segment.backend.clone()),
            ("dtype", segment.dtype.clone()),
            ("shape", python_shape(&segment.shape)),
            ("order", segment.order.clone()),
            ("elements", self.elements.to_string()),
            ("itemsize", self.itemsize.to_string()),
            ("bytes", bytes(segment.bytes)),
            ("data offset", self.data_offset.to_string()),
            ("alignment", self.alignment.to_string()),
            ("segment", bytes(self.segment_bytes)),
            ("file", bytes(self.file_bytes)),
            ("allocated", bytes(self.allocated_bytes)),
            ("uuid", self.uuid.clone()),
            ("created", format!("{} by process {}", segment.created, self.creator_pid)),
            ("modified", self.modified.clone()),
            ("owner", format!("user {} ({})", segment.owner, os::user_name(segment.owner))),
            ("policy", segment.policy.clone()),
            ("in use", in_use.to_owned()),
            ("marks", marks_text(segment)),
        ];
        if let Some(lock) = &self.lock {
            lines.push(("lock", lock.to_string()));
        }
        lines
    }
}

impl std::fmt::Display for Lock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.holder {
            Some(slot) if self.holder_waits => {
                write!(f, "slot {slot} waits for slots {:?}", self.sharers)?;
            }
            Some(slot) if self.holder_alive => write!(f, "held by slot {slot}")?,
            Some(slot) => write!(f, "held by slot {slot}, which is dead")?,
            None if self.sharers.is_empty() => f.write_str("free")?,
            None => write!(f, "shared by slots {:?}", self.sharers)?,
        }
        if self.is_waited_for {
            f.write_str("; others wait for it")?;
        }
        if self.poisoned { f.write_str(", poisoned") } else { Ok(()) }
    }
}

impl Slot {
    fn of(participant: &Participant, waits: &[WaitState]) -> Self {
        let wait = waits.iter().find(|wait| wait.slot == participant.slot);
        Self {
            slot: participant.slot,
            generation: participant.generation,
            pid: participant.pid,
            since: units::utc(participant.since),
            since_seconds: units::age(participant.since).as_secs(),
            alive: participant.alive,
            waits_for: wait.map(Waiting::of),
        }
    }
}

impl Waiting {
    fn of(wait: &WaitState) -> Self {
        let what = match wait.what {
            WaitsFor::Holder => "lock",
            WaitsFor::Sharers => "sharers",
            WaitsFor::Chunks => "chunks",
            WaitsFor::Arrivals => "barrier",
            WaitsFor::Seats => "seats",
            _ => "other",
        };
        Self { what, slots: wait.whom.clone() }
    }
}

impl std::fmt::Display for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of slots {:?}", self.what, self.slots)
    }
}

fn print(details: &Details, out: &mut Out) -> std::io::Result<()> {
    let rounded = out.is_terminal();
    for (name, value) in details.lines(rounded) {
        let value = shm_survey::printable(&value);
        if rounded {
            let name = out.painted(Paint::Dim, &format!("{name:<12}"));
            writeln!(out, "{name}{value}")?;
        } else {
            writeln!(out, "{name}\t{value}")?;
        }
    }
    if let Some(participants) = details.participants.as_deref().filter(|all| !all.is_empty()) {
        writeln!(out)?;
        let mut table = Table::new(&[
            Column::figures("SLOT"),
            Column::figures("PID"),
            Column::text("SINCE").rank(1),
            Column::text("PARTICIPANT"),
        ]);
        for slot in participants {
            let state = match &slot.waits_for {
                Some(waiting) => Cell::new(format!("waits: {waiting}")).paint(Paint::Yellow),
                None if slot.alive => Cell::new("alive").paint(Paint::Green),
                None => Cell::new("dead").paint(Paint::Red),
            };
            table.row([
                slot.slot.to_string().into(),
                slot.pid.to_string().into(),
                (&slot.since).into(),
                state,
            ]);
        }
        out.table(&table, false)?;
    }
    if !details.segment.processes.is_empty() {
        writeln!(out)?;
        let mut table = Table::new(&[Column::figures("PID"), Column::text("PROCESS").elided(8, 1)]);
        for process in &details.segment.processes {
            table.row([process.pid.to_string().into(), process.title().into()]);
        }
        out.table(&table, false)?;
    }
    Ok(())
}
