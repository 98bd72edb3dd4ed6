//! `shmarray watch`.
//!
//! In a terminal it draws on a screen of its own, which the terminal keeps apart from what it showed
//! before: so nothing remains of a table when the terminal changes its size.

mod view;

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use self::view::{Asked, View};
use crate::columns::{self, Field};
use crate::filter::Filter;
use crate::os::{Event, Terminal};
use crate::out::Out;
use crate::overview::Overview;
use crate::paint::Paint;
use crate::{elide, units};

/// For people.
const FIELDS: [Field; 8] = [
    Field::Title,
    Field::ShortDType,
    Field::Shape,
    Field::Size,
    Field::Age,
    Field::Who,
    Field::Owner,
    Field::Marks,
];

/// For programs, which count on them: none comes or goes.
const EXACT: [Field; 8] = [
    Field::Title,
    Field::ShortDType,
    Field::Shape,
    Field::Bytes,
    Field::Seconds,
    Field::Processes,
    Field::Who,
    Field::Marks,
];

const HELP: &str = "\
In a terminal the table is redrawn in place, until `q`, which leaves the last
one, or ^C. Elsewhere each table is printed after the last one, with an empty
line between them and tabs between the columns.

Keys:
  q                       end
  n s a                   sort by name, size, age
  up down, k j            scroll by one array
  PgUp PgDn, b blank      scroll by a screen
  Home End, g G           the first and the last arrays

Examples:
  shmarray watch
  shmarray watch 'tile-*' --sort size --interval 0.2
  shmarray watch --count 60 --interval 60 > hour.txt
";

#[derive(Debug, clap::Args)]
#[command(after_help = format!("{}\n{HELP}", crate::ls::COLUMNS))]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    /// Time between two tables, from 0.1 to 3600 seconds
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    interval: Duration,
    /// End after so many tables
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Every column in full; lines end where the terminal does
    #[arg(long)]
    wide: bool,
}

fn interval(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if !(0.1..=3600.0).contains(&seconds) {
        return Err(format!("{seconds} seconds are not between 0.1 and 3600"));
    }
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

pub(crate) fn run(arguments: &Arguments, out: &mut Out) -> anyhow::Result<ExitCode> {
    // Errors of the first look are told before the terminal is another.
    let mut overview = look(arguments)?;
    let mut terminal = Terminal::new(out.can_redraw())?;
    let mut view = View::new(arguments.filter.sort);
    for number in 1.. {
        if number > 1 {
            overview = look(arguments)?;
        }
        if !out.can_redraw() {
            print(&overview, number > 1, arguments.wide, out)?;
        }
        if arguments.count == Some(number)
            || !wait(&overview, &mut view, &mut terminal, arguments, out)?
        {
            break;
        }
    }
    if out.can_redraw() {
        let mut lines = frame(&overview, &mut view, &terminal, arguments, out);
        // The cursor takes the last line.
        let (_, rows) = size(out);
        lines.truncate(rows.saturating_sub(1));
        terminal.leave()?;
        for line in lines {
            writeln!(out, "{line}")?;
        }
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The arrays that the arguments ask for.
fn look(arguments: &Arguments) -> anyhow::Result<Overview> {
    let mut overview = Overview::now()?;
    arguments.filter.apply(&mut overview)?;
    Ok(overview)
}

/// Prints a table below the last one.
fn print(overview: &Overview, is_next: bool, is_wide: bool, out: &mut Out) -> std::io::Result<()> {
    if is_next {
        writeln!(out)?;
    }
    let fields = if out.is_terminal() {
        columns::for_people(&FIELDS, &overview.segments)
    } else {
        EXACT.to_vec()
    };
    out.table(&columns::table(&fields, &overview.segments), is_wide)?;
    out.flush()
}

/// Shows the table until the next one is due; tells whether there is to be a next one.
fn wait(
    overview: &Overview,
    view: &mut View,
    terminal: &mut Terminal,
    arguments: &Arguments,
    out: &mut Out,
) -> anyhow::Result<bool> {
    let due = Instant::now() + arguments.interval;
    let mut is_drawn = false;
    loop {
        if out.can_redraw() && !is_drawn {
            draw(frame(overview, view, terminal, arguments, out), out)?;
            is_drawn = true;
        }
        let left = due.saturating_duration_since(Instant::now());
        match terminal.wait(left)? {
            Event::Nothing if left.is_zero() => return Ok(true),
            Event::Nothing => {}
            Event::Changed => is_drawn = false,
            Event::Typed(keys) => match view.typed(&keys) {
                Asked::End => return Ok(false),
                Asked::Redraw => is_drawn = false,
            },
            Event::Ended(signal) => {
                terminal.end_by(signal)?;
                return Ok(false);
            }
            Event::Unread => return Ok(false),
        }
    }
}

/// The lines that fit the terminal: a title, the heads, and as many arrays as there is room for.
fn frame(
    overview: &Overview,
    view: &mut View,
    terminal: &Terminal,
    arguments: &Arguments,
    out: &Out,
) -> Vec<String> {
    let (columns, rows) = size(out);
    let mut segments = overview.segments.clone();
    view.sort().sort(&mut segments);
    let fields = columns::for_people(&FIELDS, &segments);
    let table = columns::table(&fields, &segments).lines(out.look(arguments.wide));
    let count = units::count(segments.len(), "array", "arrays");
    let end = if terminal.has_keys() { "q to end" } else { "^C to end" };
    let title =
        format!("{count} by {}, {end}, every {:?}", view.sort().as_str(), arguments.interval);
    let mut lines = vec![out.painted(Paint::Dim, &elide::end(&title, columns))];
    lines.extend(view.visible(table, rows.saturating_sub(1)));
    lines.truncate(rows);
    lines.iter().map(|line| elide::end(line, columns)).collect()
}

/// Columns and rows of the terminal, or those of a usual one.
fn size(out: &Out) -> (usize, usize) {
    out.size().unwrap_or((80, 24))
}

/// Draws from the first line of the screen, and clears what was behind and below. See
/// `console_codes(4)`.
fn draw(lines: Vec<String>, out: &mut Out) -> std::io::Result<()> {
    write!(out, "\x1b[H{}\x1b[K\x1b[J", lines.join("\x1b[K\n"))?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::interval;

    #[test]
    fn intervals_have_bounds() {
        assert_eq!(interval("0.1").unwrap().as_millis(), 100);
        assert_eq!(interval("3600").unwrap().as_secs(), 3600);
        for wrong in ["", "x", "nan", "inf", "-1", "0", "0.09", "3600.1", "1e300"] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }
}
