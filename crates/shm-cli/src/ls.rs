//! `shmarray ls`.

use std::io::Write;
use std::process::ExitCode;

use crate::out::{Out, Paint, tell};
use crate::overview::{Overview, Segment};
use crate::table::{Cell, Table};
use crate::units;

const HELP: &str = "\
Columns:
  NAME       what other subcommands take. An array without a name in /dev/shm is called by a process
             that has it and the file descriptor there: `4711:5 (tile)`
  PROCESSES  how many have it, as far as /proc shows. `in use`: somebody has it, by the kernel's word,
             whom you may not see (another user, another container). `none`: nobody has it
  POLICY     who removes the name: the `last-out`, its `owner`, or nobody (`persist`)
  MARKS      abandoned: killed processes left it, and `shmarray gc` removes it
             frozen: nobody can write to it      guarded: reached through locks only
             fortran: in Fortran order           nameless: removed, and goes with its last process
             elsewhere: its name is in another container

In a terminal, sizes and ages are rounded. Elsewhere there are tabs between the columns, bytes and
seconds are exact, and PLACE and NAME are columns of their own. `--json` says all there is.

Examples:
  shmarray ls
  shmarray ls | cut -f 1,6                             what to call it, and its bytes
  shmarray ls --json | jq '.segments[] | select(.abandoned) | .name'
";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, out: &mut Out) -> anyhow::Result<ExitCode> {
    let overview = Overview::now()?;
    if arguments.json {
        out.json(&overview)?;
        return Ok(ExitCode::SUCCESS);
    }
    out.table(&table(&overview.segments, out))?;
    if out.is_terminal() {
        let summary = out.painted(Paint::Dim, &summary(&overview));
        writeln!(out, "{summary}")?;
    }
    out.flush()?;
    for file in &overview.unreadable {
        tell(format_args!("{} ({} bytes): {}", file.place, file.bytes, file.error));
    }
    if let Some(error) = &overview.blind {
        tell(format_args!("who has them, and memfd arrays, cannot be seen: {error}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn table(segments: &[Segment], out: &Out) -> Table {
    let rounded = out.is_terminal();
    let heads =
        ["NAME", "BACKEND", "DTYPE", "SHAPE", "SIZE", "AGE", "PROCESSES", "POLICY", "MARKS"];
    let mut table = if rounded {
        Table::new(&heads, &[4, 5, 6])
    } else {
        let exact = ["NAME", "BACKEND", "DTYPE", "SHAPE", "BYTES", "SECONDS"];
        Table::new(&[&["PLACE"], exact.as_slice(), &heads[6..]].concat(), &[])
    };
    for segment in segments {
        let (backend, policy) = ((&segment.backend).into(), (&segment.policy).into());
        let (shape, count, marks) =
            (segment.python_shape().into(), segment.count(), segment.marks());
        if rounded {
            let size = units::bytes(segment.bytes).into();
            let (title, dtype) = (segment.title().into(), segment.short_dtype().into());
            table.row([
                title,
                backend,
                dtype,
                shape,
                size,
                segment.age().into(),
                count,
                policy,
                marks,
            ]);
        } else {
            let (place, name) = ((&segment.place).into(), (&segment.name).into());
            let (dtype, bytes) = ((&segment.dtype).into(), segment.bytes.to_string().into());
            let seconds: Cell = segment.age_seconds.to_string().into();
            table.row([place, name, backend, dtype, shape, bytes, seconds, count, policy, marks]);
        }
    }
    table
}

fn summary(overview: &Overview) -> String {
    let bytes = overview.segments.iter().map(|segment| segment.bytes).fold(0, u64::saturating_add);
    let mut parts = vec![
        units::count(overview.segments.len(), "array", "arrays"),
        units::bytes(bytes),
        format!("{} in /dev/shm", units::count(overview.foreign, "other file", "other files")),
    ];
    if overview.hidden_processes > 0 {
        let processes = units::count(overview.hidden_processes, "process", "processes");
        parts.push(format!("{processes} not to be looked into"));
    }
    parts.join(", ")
}
