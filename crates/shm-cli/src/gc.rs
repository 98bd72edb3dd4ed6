//! `shmarray gc`.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use shm_survey::printable;
use shmarray::{Cleanup, names::Abandoned};

use crate::out::Out;
use crate::overview::{Overview, Segment};
use crate::table::{Column, Table};
use crate::{os, units};

const HELP: &str = "\
An array is removed only if nobody has it attached, in whatever container or
PID namespace: the kernel's locks say so, not process numbers. Those that are
to persist are never removed (`shmarray rm` does that), nor are arrays of
other users. What nobody has and is left all the same is told, with the
reason. Several may do this at once.

Examples:
  shmarray gc --dry-run
  shmarray gc --json | jq .bytes
";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// Only tell what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The fields of `shmarray gc --json`.
#[derive(Serialize)]
struct Report {
    dry_run: bool,
    /// The arrays that this command removed, or would remove.
    segments: Vec<Garbage>,
    /// Size of all of them.
    bytes: u64,
    /// The arrays that nobody has and that stay.
    left: Vec<Left>,
}

#[derive(Serialize)]
struct Left {
    /// The entry of `/dev/shm`.
    place: String,
    /// The user it belongs to; nothing if it is gone.
    owner: Option<u32>,
    reason: String,
}

#[derive(Serialize)]
struct Garbage {
    /// The entry of `/dev/shm`.
    place: String,
    /// Size of the file.
    bytes: u64,
    modified: String,
    age_seconds: u64,
}

pub(crate) fn run(arguments: &Arguments, out: &mut Out) -> anyhow::Result<ExitCode> {
    let mut found =
        if arguments.dry_run { shmarray::names::abandoned() } else { shmarray::names::gc() }?;
    found.sort_by(|a, b| a.entry.cmp(&b.entry));
    let garbage = |segment: Abandoned| Garbage {
        modified: units::utc(segment.modified),
        age_seconds: units::age(segment.modified).as_secs(),
        place: segment.entry,
        bytes: segment.bytes,
    };
    let segments: Vec<Garbage> = found.into_iter().map(garbage).collect();
    let bytes = segments.iter().map(|segment| segment.bytes).fold(0, u64::saturating_add);
    let left = left(&segments)?;
    let report = Report { dry_run: arguments.dry_run, segments, bytes, left };
    if arguments.json {
        out.json(&report)?;
    } else {
        print(&report, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The arrays that nobody has, and why this user may not collect them.
fn left(collected: &[Garbage]) -> shmarray::Result<Vec<Left>> {
    let overview = Overview::now()?;
    let is_left = |place: &str| collected.iter().all(|garbage| garbage.place != place);
    let mut left = Vec::new();
    for segment in &overview.segments {
        let is_unused = segment.in_use == Some(false) && !segment.is_descriptor;
        if !is_unused || !is_left(&segment.place) {
            continue;
        }
        let is_mine = segment.owner == os::current_user();
        let reason = match (is_mine, is_to_persist(segment)) {
            (true, true) => "it is to persist; `shmarray rm` removes it".to_owned(),
            (false, is_to_persist) => {
                let owner = os::user_name(segment.owner);
                let also =
                    if is_to_persist { ", and is to persist" } else { ", who can collect it" };
                format!("it belongs to {owner}{also}")
            }
            (true, false) => "its last process has just gone; try again".to_owned(),
        };
        left.push(Left { place: segment.place.clone(), owner: Some(segment.owner), reason });
    }
    for file in overview.unreadable.iter().filter(|file| is_left(&file.place)) {
        let reason = match file.owner.filter(|owner| *owner != os::current_user()) {
            Some(owner) => {
                format!(
                    "it cannot be read, and belongs to {}: {}",
                    os::user_name(owner),
                    file.error
                )
            }
            None => format!("it cannot be read, and `shmarray rm` removes it: {}", file.error),
        };
        left.push(Left { place: file.place.clone(), owner: file.owner, reason });
    }
    Ok(left)
}

fn is_to_persist(segment: &Segment) -> bool {
    segment.policy == Cleanup::Persist.to_string()
}

fn print(report: &Report, out: &mut Out) -> io::Result<()> {
    let rounded = out.is_terminal();
    if !report.segments.is_empty() {
        let last = if rounded { ["SIZE", "AGE"] } else { ["BYTES", "SECONDS"] };
        let mut table = Table::new(&[
            Column::text("NAME").elided(12, 1),
            Column::figures(last[0]),
            Column::figures(last[1]).rank(1),
        ]);
        for segment in &report.segments {
            let (size, age) = if rounded {
                let age = std::time::Duration::from_secs(segment.age_seconds);
                (units::bytes(segment.bytes), units::span(age))
            } else {
                (segment.bytes.to_string(), segment.age_seconds.to_string())
            };
            table.row([(&segment.place).into(), size.into(), age.into()]);
        }
        out.table(&table, false)?;
    }
    let count = units::count(report.segments.len(), "array", "arrays");
    let bytes =
        if rounded { units::bytes(report.bytes) } else { format!("{} bytes", report.bytes) };
    let what = if report.dry_run { "would be removed" } else { "removed" };
    for left in &report.left {
        writeln!(out, "{} is left: {}", printable(&left.place), printable(&left.reason))?;
    }
    writeln!(out, "{count}, {bytes} {what}")
}
