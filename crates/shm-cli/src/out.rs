//! Standard output and standard error: all that the command prints goes through here.
//!
//! `println!` panics when the reader of a pipe has gone, so nothing here uses it. Standard output
//! is buffered, and written when the command ends or calls [`flush`](Write::flush).

use std::borrow::Cow;
use std::fmt::{Display, Write as _};
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};

use rustix::termios::tcgetwinsize;
use serde::Serialize;
use shm_survey::printable;

use crate::table::Table;
use crate::words;

/// For `--help`: what the environment changes.
pub(crate) const HELP: &str = "\
Environment:
  NO_COLOR  if set and not empty, there are no colours in a terminal either
  TERM      `dumb`: no colours, and nothing is redrawn in place
  SHMARRAY_BACKEND, SHMARRAY_SHM_MIN_FREE  see `shmarray doctor`";

/// How a piece of text looks where colours are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Paint {
    /// As it is.
    #[default]
    Plain,
    /// What a column or a line is about.
    Bold,
    /// What matters less.
    Dim,
    /// What is well.
    Green,
    /// What somebody should look at.
    Yellow,
    /// What is wrong.
    Red,
    /// A property that is out of the ordinary.
    Cyan,
}

impl Paint {
    /// The number of the attribute. See `console_codes(4)`.
    fn code(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Bold => 1,
            Self::Dim => 2,
            Self::Red => 31,
            Self::Green => 32,
            Self::Yellow => 33,
            Self::Cyan => 36,
        }
    }
}

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

    /// Columns and rows of the terminal, as far as it tells. See `ioctl_tty(2)`.
    pub(crate) fn size(&self) -> Option<(usize, usize)> {
        let size = tcgetwinsize(self.to.get_ref()).ok()?;
        let known = size.ws_col > 0 && size.ws_row > 0;
        known.then_some((usize::from(size.ws_col), usize::from(size.ws_row)))
    }

    /// The text in that colour, if colours are wanted here. It is printed as it is: what others
    /// wrote goes through [`printable`] first.
    pub(crate) fn painted(&self, paint: Paint, text: &str) -> String {
        if !self.has_colour || paint == Paint::Plain || text.is_empty() {
            return text.to_owned();
        }
        format!("\x1b[{}m{text}\x1b[0m", paint.code())
    }

    /// Prints a table: with a line under its heads in a terminal, else with tabs between the cells.
    pub(crate) fn table(&mut self, table: &Table) -> io::Result<()> {
        for line in table.lines(self) {
            writeln!(self, "{line}")?;
        }
        Ok(())
    }

    /// Prints a value as JSON on several lines.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> anyhow::Result<()> {
        Ok(self.write_all(json(value)?.as_bytes())?)
    }

    /// Notes a failed write: that nobody reads any more is not a failure of the command.
    fn noted<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        self.is_closed |= result.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::BrokenPipe);
        result
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

/// Tells an error and what caused it, each once: some errors display their cause themselves.
pub(crate) fn tell_error(error: &anyhow::Error) {
    let mut causes = error.chain().map(words::of);
    let mut text = causes.next().unwrap_or_default();
    for cause in causes {
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    tell(text);
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
