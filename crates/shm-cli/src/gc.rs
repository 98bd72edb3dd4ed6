//! `shmarray gc`.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;
use shmarray::names::Abandoned;

use crate::out::Out;
use crate::table::Table;
use crate::units;

const HELP: &str = "\
An array is removed only if nobody has it attached, in whatever container or PID namespace: the
kernel's locks say so, not process numbers. Those that are to persist are never removed (`shmarray
rm` does that), nor are files of others. Several may do this at once.

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
    /// What was, or would be, removed.
    segments: Vec<Garbage>,
    /// Size of all of them.
    bytes: u64,
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
    let report = Report { dry_run: arguments.dry_run, segments, bytes };
    if arguments.json {
        out.json(&report)?;
    } else {
        print(&report, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(report: &Report, out: &mut Out) -> io::Result<()> {
    let rounded = out.is_terminal();
    if !report.segments.is_empty() {
        let last = if rounded { ["SIZE", "AGE"] } else { ["BYTES", "SECONDS"] };
        let mut table = Table::new(&["NAME", last[0], last[1]], &[1, 2]);
        for segment in &report.segments {
            let (size, age) = if rounded {
                let age = std::time::Duration::from_secs(segment.age_seconds);
                (units::bytes(segment.bytes), units::span(age))
            } else {
                (segment.bytes.to_string(), segment.age_seconds.to_string())
            };
            table.row([(&segment.place).into(), size.into(), age.into()]);
        }
        out.table(&table)?;
    }
    let count = units::count(report.segments.len(), "array", "arrays");
    let bytes =
        if rounded { units::bytes(report.bytes) } else { format!("{} bytes", report.bytes) };
    let what = if report.dry_run { "would be removed" } else { "removed" };
    writeln!(out, "{count}, {bytes} {what}")
}
