//! The cells of the matrix: each is a process of the matrix test's executable.

use std::fmt;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::cargo::{BACKEND_SETTING, SPACE_SETTING, joined};

/// The backends on which a cell can create its array.
pub(crate) const BACKENDS: [&str; 4] = ["shm", "mmap", "memfd", "auto"];

/// How the other process of a cell starts.
pub(crate) const STARTS: [&str; 4] = ["same", "fork", "spawn", "unrelated"];

/// A cell takes milliseconds; a cell that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// The outcome of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The array was shared.
    Pass,
    /// The array cannot be shared this way, and the error said so.
    Refused(String),
    /// This system does not allow the attempt.
    Skip(String),
    /// Something else happened.
    Fail(String),
}

impl Outcome {
    /// The word for it, as in the expected matrix.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Refused(_) => "refused",
            Self::Skip(_) => "skip",
            Self::Fail(_) => "FAIL",
        }
    }

    /// Why it is not a pass; empty for a pass.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Pass => "",
            Self::Refused(reason) | Self::Skip(reason) | Self::Fail(reason) => reason,
        }
    }

    /// Reads the last line that begins with `outcome: `, as tests/matrix writes it.
    fn parse(output: &str) -> Option<Self> {
        let line = output.lines().rev().find_map(|line| line.strip_prefix("outcome: "))?;
        let (word, reason) = line.split_once(": ").unwrap_or((line, ""));
        let reason = reason.to_owned();
        match word {
            "pass" => Some(Self::Pass),
            "refused" => Some(Self::Refused(reason)),
            "skip" => Some(Self::Skip(reason)),
            "fail" => Some(Self::Fail(reason)),
            _ => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Runs one cell to its end, or ends it and all its children.
pub(crate) fn run(executable: &Path, backend: &str, start: &str) -> Result<Outcome> {
    let mut command = Command::new(executable);
    command.args(["cell", backend, start]).process_group(0);
    // However little there is in /dev/shm, it is enough for a cell.
    command.env_remove(BACKEND_SETTING).env(SPACE_SETTING, "0");
    let mut reader = joined(&mut command)?;
    let mut child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
    drop(command); // and with it this process's end of the pipe, so that the child's is the last
    let (done, output) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = reader.read_to_end(&mut bytes);
        let _ = done.send(read.map(|_| String::from_utf8_lossy(&bytes).into_owned()));
    });
    let output = match output.recv_timeout(LIMIT) {
        Ok(output) => output?,
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            let group = Pid::from_child(&child);
            kill_process_group(group, Signal::KILL).context("cannot end a cell that hangs")?;
            child.wait()?;
            let reason = format!("not done after {} seconds", LIMIT.as_secs());
            return Ok(Outcome::Fail(reason));
        }
    };
    let status = child.wait()?;
    Ok(match Outcome::parse(&output) {
        Some(outcome) if status.success() => outcome,
        _ => Outcome::Fail(format!("{status}: {}", output.trim())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_outcome_counts() {
        let refused =
            Outcome::parse("noise\noutcome: pass\noutcome: refused: no handle: use shm\n");
        assert_eq!(refused, Some(Outcome::Refused("no handle: use shm".into())));
        assert_eq!(Outcome::parse("outcome: pass"), Some(Outcome::Pass));
        assert_eq!(Outcome::parse("pass\noutcome: perhaps"), None);
    }
}
