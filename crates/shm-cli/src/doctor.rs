//! `shmarray doctor`: what works on this machine, and what `auto` would choose.

mod size;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use shm_core::{DEFAULT_SLOTS, SLOT_LEN};
use shm_survey::printable;
use shmarray::ndarray::Ix1;
use shmarray::{
    BackendKind, ErrorKind, SharedArray, Workers,
    select::{Facts, Needs},
};

use crate::finding::{Finding, State};
use crate::out::Out;
use crate::paint::Paint;
use crate::{exit, os, units};

/// Bytes of a segment besides its elements, if its dtype is not a very long one: the header, and the
/// table of slots.
const HEADER: u64 = 4096 + DEFAULT_SLOTS as u64 * SLOT_LEN as u64;

const HELP: &str = "\
Marks: `!!` does not work, or a promise is weaker; `!` could be better; `?`
cannot be found out. Nothing is changed, and nothing left behind. It fails if
no backend could be chosen.

Examples:
  shmarray doctor
  shmarray doctor --bytes 4GiB --workers spawned
  shmarray doctor --json | jq '.findings[] | select(.state != \"ok\")'
";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// What `auto` would choose for an array of so many bytes of elements: `4GiB`, `64M`, `1000`
    #[arg(long, value_name = "SIZE", value_parser = size::size)]
    bytes: Option<u64>,
    /// How the processes start that are to share it
    #[arg(long, value_enum, default_value = "unknown")]
    workers: Start,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// How workers start, as the command line says it.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Start {
    /// By fork, after the array was made
    Forked,
    /// By exec, or not by the process that makes it
    Spawned,
    /// Not known
    Unknown,
}

impl From<Start> for Workers {
    fn from(start: Start) -> Self {
        match start {
            Start::Forked => Self::Forked,
            Start::Spawned => Self::Spawned,
            Start::Unknown => Self::Unknown,
        }
    }
}

/// The fields of `shmarray doctor --json`.
#[derive(Serialize)]
struct Report {
    findings: Vec<Finding>,
    choice: Choice,
}

/// The choice of `auto`.
#[derive(Serialize)]
struct Choice {
    /// Bytes of elements that were asked about.
    bytes: Option<u64>,
    workers: String,
    /// Nothing if nothing can be chosen.
    chosen: Option<String>,
    /// Why, or why not.
    explanation: String,
}

pub(crate) fn run(arguments: &Arguments, out: &mut Out) -> Result<ExitCode> {
    let needs = Needs {
        bytes: arguments.bytes.map(|bytes| bytes.saturating_add(HEADER)),
        workers: arguments.workers.into(),
        ..Needs::default()
    };
    let (chosen, explanation) = match shmarray::select::select(&needs) {
        Ok(selection) => (Some(selection.chosen.to_string()), selection.to_string()),
        Err(error) => (None, error.to_string()),
    };
    let (bytes, workers) = (arguments.bytes, needs.workers.to_string());
    let is_possible = chosen.is_some();
    let choice = Choice { bytes, workers, chosen, explanation };
    let report = Report { findings: findings(arguments.bytes), choice };
    if arguments.json {
        out.json(&report)?;
    } else {
        print(&report, out)?;
    }
    Ok(if is_possible { ExitCode::SUCCESS } else { exit::FAILED.into() })
}

fn findings(bytes: Option<u64>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut facts = None;
    for backend in BackendKind::ALL {
        // A request that names its backend does not depend on the environment.
        let needs = Needs { backend: Some(backend), ..Needs::default() };
        let what = backend.to_string();
        found.push(match shmarray::select::select(&needs) {
            Ok(selection) => {
                facts = Some(selection.facts);
                tried(backend)
            }
            Err(error) => {
                let reason = match error.kind() {
                    ErrorKind::BackendRefused { reason, .. } => reason.clone(),
                    _ => error.to_string(),
                };
                Finding::new("backends", what, "not usable").problem(reason)
            }
        });
    }
    found.push(cgroup(facts.as_ref()));
    found.extend(os::findings(bytes.map(|bytes| bytes.saturating_add(HEADER))));
    // Groups stand together, in the order of their first findings.
    let order = Vec::from_iter(found.iter().map(|found| found.group));
    found.sort_by_key(|found| order.iter().position(|group| *group == found.group));
    found
}

/// Makes a small segment on a backend, writes to it, reads it and drops it.
fn tried(backend: BackendKind) -> Finding {
    let found = |text: &str| Finding::new("backends", backend.to_string(), text);
    if backend == BackendKind::Shm {
        return match os::try_named_segment() {
            Ok(()) => found("usable"),
            Err(reason) => found("not usable").problem(reason),
        };
    }
    let made = SharedArray::<u64, Ix1>::builder(512).backend(backend).zeros();
    match made {
        Ok(array) => {
            array.fill(1);
            if array.get(511) == Some(1) {
                found("usable")
            } else {
                found("not usable").problem("what was written to an array could not be read again")
            }
        }
        Err(error) => found("not usable").problem(format!("an array could not be made: {error}")),
    }
}

fn cgroup(facts: Option<&Facts>) -> Finding {
    let what = "memory of the cgroup";
    match facts.and_then(|facts| facts.cgroup) {
        None => Finding::unknown("limits", what),
        Some(cgroup) => {
            let used = cgroup.usage.map_or("unknown".into(), units::bytes);
            match cgroup.limit {
                None => Finding::new("limits", what, format!("no limit, {used} used")),
                Some(limit) => {
                    let words = format!("{used} of {} used", units::bytes(limit));
                    Finding::new("limits", what, words)
                        .number(Some(limit))
                        .advice("who reaches it is killed (OOM): the kernel gives no error")
                }
            }
        }
    }
}

fn print(report: &Report, out: &mut Out) -> Result<()> {
    let width = report.findings.iter().map(|found| found.what.chars().count()).max().unwrap_or(0);
    let mut group = "";
    for found in &report.findings {
        if found.group != group {
            group = found.group;
            let head = out.painted(Paint::Bold, group);
            writeln!(out, "{head}")?;
        }
        let (mark, paint) = match found.state {
            State::Ok => ("  ", Paint::Plain),
            State::Advice => ("! ", Paint::Yellow),
            State::Problem => ("!!", Paint::Red),
            State::Unknown => ("? ", Paint::Yellow),
        };
        let mark = out.painted(paint, mark);
        writeln!(out, "{mark} {:width$}  {}", found.what, printable(&found.found))?;
        if let Some(advice) = &found.advice {
            let advice = out.painted(Paint::Dim, &printable(advice));
            writeln!(out, "     {advice}")?;
        }
    }
    let choice = &report.choice;
    let size = choice.bytes.map_or("any array".into(), |bytes| format!("{bytes} bytes"));
    let head =
        out.painted(Paint::Bold, &format!("auto, for {size} and {} workers", choice.workers));
    writeln!(out, "{head}")?;
    let mark = if choice.chosen.is_some() { "  ".into() } else { out.painted(Paint::Red, "!!") };
    for line in choice.explanation.lines() {
        writeln!(out, "{mark} {}", printable(line))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use shmarray::{BackendKind, SharedArray};

    use super::HEADER;

    #[test]
    fn the_header_is_as_long_as_that_of_an_array() {
        let array = SharedArray::<u8, _>::builder(1).backend(BackendKind::Mmap).zeros().unwrap();
        assert_eq!(array.data_offset(), HEADER);
    }
}
