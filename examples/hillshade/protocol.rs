//! The reports of a worker to the process that started it: lines on a pipe.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use crate::maps::Memory;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// The worker has mapped the arrays, and begins.
    Ready(Memory),
    /// The worker holds this chunk, half done, and waits to be killed.
    Holds(u32),
    /// The worker has taken this chunk, which another did not finish.
    Again(u32),
    /// The worker cannot go on.
    Failed(String),
}

impl Report {
    /// Writes it as one line, at once.
    pub(crate) fn write(&self, mut to: impl Write) -> io::Result<()> {
        to.write_all(format!("{self}\n").as_bytes())?;
        to.flush()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(memory) => write!(f, "ready {memory}"),
            Self::Holds(chunk) => write!(f, "holds {chunk}"),
            Self::Again(chunk) => write!(f, "again {chunk}"),
            Self::Failed(why) => write!(f, "failed {}", why.replace('\n', " ")),
        }
    }
}

impl FromStr for Report {
    type Err = &'static str;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "ready" => rest.parse().map(Self::Ready),
            "holds" => rest.parse().map(Self::Holds).map_err(|_| "not the number of a chunk"),
            "again" => rest.parse().map(Self::Again).map_err(|_| "not the number of a chunk"),
            "failed" => Ok(Self::Failed(rest.to_owned())),
            _ => Err("not a report"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let memory = Memory { elevation: Some("00:01:7".into()), shade: None };
        let reports = [
            Report::Ready(memory),
            Report::Holds(12),
            Report::Again(0),
            Report::Failed("no space: needs 9 bytes".into()),
        ];
        for report in reports {
            let mut line = Vec::new();
            report.write(&mut line).unwrap();
            let line = String::from_utf8(line).unwrap();
            assert_eq!(line.strip_suffix('\n').unwrap().parse(), Ok(report));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for line in ["", "again", "holds -1", "ready", "ready a", "finished"] {
            assert!(line.parse::<Report>().is_err(), "{line:?}");
        }
    }
}
