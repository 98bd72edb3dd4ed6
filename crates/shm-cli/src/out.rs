//! Standard output and standard error: all that the command prints goes through here.
//!
//! `println!` panics when the reader of a pipe has gone, so nothing here uses it. Standard output
//! is buffered, and written when the command ends or calls [`flush`](Write::flush).

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use anyhow::Context;
use serde::Serialize;
use shm_survey::printable;

use crate::error_text;
use crate::os;
use crate::paint::Paint;
use crate::table::{Look, Table};

/// For `--help`: what the environment changes.
pub(crate) const HELP: &str = "\
Environment:
  NO_COLOR  if set and not empty, there are no colours in a terminal
  TERM      `dumb`: no colours, and nothing is redrawn in place
  SHMARRAY_BACKEND, SHMARRAY_SHM_MIN_FREE  see `shmarray doctor`";

/// Standard output.
#[derive(Debug)]
pub(crate) struct Out {
    to: BufWriter<Stdout>,
    is_terminal: bool,
    has_colour: bool,
    is_closed: bool,
}

impl Out {
    /// Looks at what standard output is. Colours are for terminals, unless `NO_COLOR` is set and
    /// not empty, or `TERM` is `dumb`. See <https://no-color.org>.
    pub(crate) fn new() -> Self {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let has_colour = is_terminal && !is_plain && !is_dumb();
        Self { to: BufWriter::new(stdout), is_terminal, has_colour, is_closed: false }
    }

    /// Whether people read it as it comes: rounded figures and lines are for them.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Whether the cursor can be moved about.
    pub(crate) fn can_redraw(&self) -> bool {
        self.is_terminal && !is_dumb()
    }

    /// Whether the reader has gone, so that there is nothing more to do.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Columns and rows of the terminal, as far as it tells.
    pub(crate) fn size(&self) -> Option<(usize, usize)> {
        if self.is_terminal { os::terminal_size() } else { None }
    }

    /// The text in that colour, if colours are wanted here. It is printed as it is: what others
    /// wrote goes through [`printable`] first.
    pub(crate) fn painted(&self, paint: Paint, text: &str) -> String {
        if self.has_colour { paint.on(text) } else { text.to_owned() }
    }

    /// How tables look here: fitted to the terminal, unless all of it is wanted; elsewhere with tabs.
    pub(crate) fn look(&self, is_wide: bool) -> Look {
        if !self.is_terminal {
            return Look::Tabs;
        }
        let columns = self.size().map(|(columns, _)| columns).filter(|_| !is_wide);
        Look::Aligned { columns, has_colour: self.has_colour }
    }

    /// Prints a table.
    pub(crate) fn table(&mut self, table: &Table, is_wide: bool) -> io::Result<()> {
        for line in table.lines(self.look(is_wide)) {
            writeln!(self, "{line}")?;
        }
        Ok(())
    }

    /// Tells that something is done, at once. If it cannot be told, the error says that it is done.
    pub(crate) fn done(&mut self, what: &str, told: &str) -> anyhow::Result<()> {
        writeln!(self, "{told}").and_then(|()| self.flush()).with_context(|| what.to_owned())
    }

    /// Prints a value as JSON on several lines.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> anyhow::Result<()> {
        Ok(self.write_all(json(value)?.as_bytes())?)
    }

    /// Notes a failed write: that nobody reads any more is not a failure of the command. Any other
    /// error says that it is standard output which cannot be written.
    fn noted<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            self.is_closed |= error.kind() == io::ErrorKind::BrokenPipe;
            io::Error::new(error.kind(), format!("cannot write to standard output: {error}"))
        })
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.to.write(bytes);
        self.noted(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.to.flush();
        self.noted(result)
    }
}

/// A line on standard error: what went wrong, or what is worth knowing beside the output. If nobody
/// can read it there, there is nobody to tell that.
pub(crate) fn tell(message: impl Display) {
    let line = format!("shmarray: {}\n", printable(&message.to_string()));
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Several lines on standard error, as they are: what clap says of a command line, with its own
/// escapes for what was typed.
pub(crate) fn tell_lines(message: &str) {
    let lines = message.lines().map(printable);
    let _ = io::stderr()
        .write_all(format!("shmarray: {}\n", Vec::from_iter(lines).join("\n")).as_bytes());
}

/// Tells an error and what caused it, each once: some errors display their cause themselves.
pub(crate) fn tell_error(error: &anyhow::Error) {
    tell(error_text::chain(error));
}

fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// A value as JSON on several lines. What is not [`printable`] is written `\u009b`, also where JSON
/// would allow it as it is.
fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string_pretty(value)?;
    let mut clean = String::with_capacity(text.len() + 1);
    for char in text.chars() {
        let is_printable = matches!(printable(char.encode_utf8(&mut [0; 4])), Cow::Borrowed(_));
        // Line ends are between the values: within strings they are escaped already. The others
        // are within strings only, and below U+FFFF.
        if is_printable || char == '\n' {
            clean.push(char);
        } else {
            let _ = write!(clean, "\\u{:04x}", u32::from(char)); // a String takes everything
        }
    }
    clean.push('\n');
    Ok(clean)
}

#[cfg(test)]
mod tests {
    use super::json;

    #[test]
    fn json_does_not_command_the_terminal() {
        let evil = "pão\u{1b}[2J\u{9b}m\u{7f}\u{202e}\n\u{2028}\u{feff}\0";
        let clean = json(&[evil]).unwrap();
        let marks = clean.chars().filter(|char| !char.is_ascii_graphic() && *char != ' ');
        assert_eq!(marks.collect::<String>(), "\nã\n\n", "{clean}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&clean).unwrap(), [evil]);
    }
}
