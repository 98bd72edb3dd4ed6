//! `shmarray watch`.
//!
//! The table is drawn over the last one, a line at a time. The terminal is never put into another
//! state (no hidden cursor, no other screen), so there is nothing to restore, however this ends.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use unicode_width::UnicodeWidthChar;

use crate::out::{Out, Paint};
use crate::overview::{Overview, who};
use crate::table::Table;
use crate::units;

const HELP: &str = "\
In a terminal the table is redrawn in place, until ^C. Elsewhere each table is printed after the last
one, with an empty line between them and tabs between the columns.

Examples:
  shmarray watch
  shmarray watch --interval 0.2
  shmarray watch --count 60 --interval 60 > hour.txt
";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// Time between two tables, from 0.1 to 3600 seconds
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    interval: Duration,
    /// End after so many tables
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

fn interval(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if !(0.1..=3600.0).contains(&seconds) {
        return Err(format!("{seconds} seconds are not between 0.1 and 3600"));
    }
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

pub(crate) fn run(arguments: &Arguments, out: &mut Out) -> anyhow::Result<ExitCode> {
    let mut drawn = Vec::new();
    for number in 1.. {
        let overview = Overview::now()?;
        let lines = table(&overview, out).lines(out);
        if out.can_redraw() {
            let title = format!(
                "{}  {}  every {:?}, ^C to end",
                units::utc(std::time::SystemTime::now()),
                units::count(overview.segments.len(), "array", "arrays"),
                arguments.interval
            );
            drawn = redraw(out, [vec![out.painted(Paint::Dim, &title)], lines].concat(), &drawn)?;
        } else {
            if number > 1 {
                writeln!(out)?;
            }
            for line in lines {
                writeln!(out, "{line}")?;
            }
        }
        out.flush()?;
        if arguments.count == Some(number) || reader_goes_within(arguments.interval)? {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn table(overview: &Overview, out: &Out) -> Table {
    let rounded = out.is_terminal();
    let last = if rounded { ["SIZE", "AGE"] } else { ["BYTES", "SECONDS"] };
    let heads = ["NAME", "DTYPE", "SHAPE", last[0], last[1], "PROCESSES", "WHO", "MARKS"];
    let mut table = Table::new(&heads, &[3, 4, 5]);
    for segment in &overview.segments {
        let (size, age) = if rounded {
            (units::bytes(segment.bytes), segment.age())
        } else {
            (segment.bytes.to_string(), segment.age_seconds.to_string())
        };
        table.row([
            segment.title().into(),
            segment.short_dtype().into(),
            segment.python_shape().into(),
            size.into(),
            age.into(),
            segment.count(),
            who(&segment.processes).into(),
            segment.marks(),
        ]);
    }
    table
}

/// Draws over the lines that were drawn, whose widths are `drawn`, and tells the widths of the new
/// ones. What does not fit the terminal is cut off: a line that wraps would take two.
fn redraw(out: &mut Out, mut lines: Vec<String>, drawn: &[usize]) -> std::io::Result<Vec<usize>> {
    let (columns, rows) = out.size().unwrap_or((80, 24));
    // The cursor stays in a line of its own below.
    let most = rows.saturating_sub(1).max(1);
    if lines.len() > most {
        let left_out = lines.len() - most + 1;
        lines.truncate(most - 1);
        lines.push(format!("… {}", units::count(left_out, "more line", "more lines")));
    }
    // In a terminal that has become narrower, what was drawn takes more lines.
    let up: usize = drawn.iter().map(|width| width.div_ceil(columns).max(1)).sum();
    let up = up.min(most);
    if up > 0 {
        write!(out, "\x1b[{up}A\r")?;
    }
    let mut widths = Vec::with_capacity(lines.len());
    for line in &lines {
        let (line, width) = cut(line, columns);
        writeln!(out, "{line}\x1b[K")?; // erases the rest of the line
        widths.push(width);
    }
    write!(out, "\x1b[J")?; // erases what is below
    Ok(widths)
}

/// The beginning of a line that fits, and its width in columns. Colours take none.
fn cut(line: &str, columns: usize) -> (String, usize) {
    let (mut text, mut width) = (String::with_capacity(line.len()), 0);
    let (mut is_colour, mut is_full) = (false, false);
    for char in line.chars() {
        is_colour |= char == '\x1b';
        if is_colour {
            text.push(char);
            is_colour = char != 'm';
            continue;
        }
        let more = char.width().unwrap_or(0);
        is_full |= width + more > columns;
        if !is_full {
            text.push(char);
            width += more;
        }
    }
    (text, width)
}

/// Waits so long, or until nobody can read standard output any more; tells whether that is so. See
/// `poll(2)`.
fn reader_goes_within(time: Duration) -> anyhow::Result<bool> {
    let stdout = std::io::stdout();
    let mut events = [PollFd::new(&stdout, PollFlags::empty())];
    match poll(&mut events, Some(&Timespec::try_from(time)?)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{cut, interval};

    #[test]
    fn intervals_have_bounds() {
        assert_eq!(interval("0.1").unwrap().as_millis(), 100);
        assert_eq!(interval("3600").unwrap().as_secs(), 3600);
        for wrong in ["", "x", "nan", "inf", "-1", "0", "0.09", "3600.1", "1e300"] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lines_are_cut_to_the_terminal() {
        assert_eq!(cut("abc", 3), ("abc".into(), 3));
        assert_eq!(cut("abcd", 3), ("abc".into(), 3));
        assert_eq!(cut("\x1b[1mabcd\x1b[0m", 2), ("\x1b[1mab\x1b[0m".into(), 2));
        assert_eq!(cut("数数a", 3), ("数".into(), 2)); // what follows is not drawn instead
    }
}
