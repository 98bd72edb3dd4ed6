//! `shmarray ls`.

use std::io::Write;
use std::process::ExitCode;

use crate::columns::{self, Field};
use crate::filter::Filter;
use crate::out::{Out, tell};
use crate::overview::Overview;
use crate::paint::Paint;
use crate::{elide, exit, units};

/// For people.
const FIELDS: [Field; 10] = [
    Field::Title,
    Field::Backend,
    Field::ShortDType,
    Field::Shape,
    Field::Size,
    Field::Age,
    Field::Who,
    Field::Owner,
    Field::Policy,
    Field::Marks,
];

/// For programs, which count on them: none comes or goes.
const EXACT: [Field; 10] = [
    Field::Place,
    Field::Name,
    Field::Backend,
    Field::DType,
    Field::Shape,
    Field::Bytes,
    Field::Seconds,
    Field::Processes,
    Field::Policy,
    Field::Marks,
];

pub(crate) const COLUMNS: &str = "\
Columns:
  NAME       what other subcommands take. An array without a name in
             /dev/shm is called by a process that has it and the file
             descriptor there: `4711:5 (tile)`
  WHO        the processes that have it: arguments and numbers.
             `in use`: somebody has it, by the kernel's word, whom you may
             not see (another user, another container). `none`: nobody has it
  OWNER      the user it belongs to, if one of them is not yours
  POLICY     who removes the name: the `last-out`, its `owner`, or nobody
             (`persist`)
  MARKS      abandoned: killed processes left it, and `gc` removes it
             frozen: nobody can write to it
             guarded: reached through locks only
             fortran: in Fortran order
             nameless: removed, and goes with its last process
             elsewhere: its name is in another container
";

const HELP: &str = "\
In a terminal, sizes and ages are rounded, each array has one line, and what
does not fit goes: columns, the shape before who has it, and the middle of
long names. `--wide` keeps all of it.

Elsewhere there are tabs between the columns, bytes and seconds are exact,
PLACE and NAME are columns of their own, and PROCESSES says how many have it.
`--json` says all there is.

Examples:
  shmarray ls
  shmarray ls 'tile-*' --sort size
  shmarray ls --pid 4711             what one process has
  shmarray ls | cut -f 1,6           what to call it, and its bytes
  shmarray ls --json | jq '.segments[] | select(.abandoned) | .name'
";

#[derive(Debug, clap::Args)]
#[command(after_help = format!("{COLUMNS}\n{HELP}"))]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    /// Every column in full, also if lines are longer than the terminal is wide
    #[arg(long)]
    wide: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, out: &mut Out) -> anyhow::Result<ExitCode> {
    let mut overview = Overview::now()?;
    let unmatched = arguments.filter.unmatched(&overview);
    arguments.filter.apply(&mut overview)?;
    if arguments.json {
        out.json(&overview)?;
    } else {
        print(&overview, arguments.wide, out)?;
    }
    if let Some(glob) = unmatched {
        return Err(exit::refused(exit::NOT_FOUND, format!("no array is called {glob:?}")));
    }
    Ok(ExitCode::SUCCESS)
}

fn print(overview: &Overview, is_wide: bool, out: &mut Out) -> anyhow::Result<()> {
    let is_terminal = out.is_terminal();
    let fields =
        if is_terminal { columns::for_people(&FIELDS, &overview.segments) } else { EXACT.to_vec() };
    out.table(&columns::table(&fields, &overview.segments), is_wide)?;
    if is_terminal {
        let columns = out.size().map_or(usize::MAX, |(columns, _)| columns);
        let summary = out.painted(Paint::Dim, &elide::end(&summary(overview), columns));
        writeln!(out, "{summary}")?;
    }
    out.flush()?;
    for file in &overview.unreadable {
        tell(format_args!("{} ({} bytes): {}", file.place, file.bytes, file.error));
    }
    if let Some(error) = &overview.blind {
        tell(format_args!("who has them, and memfd arrays, cannot be seen: {error}"));
    }
    Ok(())
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
