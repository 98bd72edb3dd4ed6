//! The protocol of the programs that measure: `list` for what there is, `run KEY CONTENDER --millis N`
//! for one measurement in a process of its own.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::cargo::{BACKEND_SETTING, SPACE_SETTING};

/// The role of a contender in its row.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Ours,
    Floor,
    Peer,
}

/// The goal of ours, relative to the other contenders of the same run.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    /// At most so many times the floor.
    OfFloor(f64),
    /// At least so many times faster than the best peer.
    OfPeer(f64),
    /// Less than so many nanoseconds.
    BelowNs(f64),
}

/// One line of the table, as it is listed.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Row {
    pub(crate) key: String,
    pub(crate) title: String,
    /// What "floor" means here.
    pub(crate) floor: String,
    /// Bytes moved by one operation, where GiB/s says more than a time.
    pub(crate) bytes: Option<u64>,
    pub(crate) goal: Option<Goal>,
    /// Why it cannot be run here, if it cannot.
    pub(crate) not_ready: Option<String>,
    pub(crate) contenders: Vec<Contender>,
}

/// A contender: one way to do the operation of a row.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) role: Role,
    /// The program that runs it.
    #[serde(skip)]
    pub(crate) program: Rc<Program>,
}

/// The result of one measurement.
#[derive(Debug, Deserialize, PartialEq)]
pub(crate) struct Measurement {
    /// Nanoseconds that all operations took together.
    ns: f64,
    /// The number of operations.
    count: f64,
    /// Notes for readers.
    #[serde(default)]
    pub(crate) notes: Vec<String>,
}

impl Measurement {
    /// The last line of a program's output that is one.
    pub(crate) fn find(output: &str) -> Option<Self> {
        let parsed = |line| serde_json::from_str::<Self>(line).ok();
        let found = output.lines().rev().find_map(parsed)?;
        (found.ns > 0.0 && found.count > 0.0).then_some(found)
    }

    /// Nanoseconds of one operation.
    pub(crate) fn of_one(&self) -> f64 {
        self.ns / self.count
    }
}

/// A program that measures.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Program {
    words: Vec<OsString>,
}

impl Program {
    /// A program, and what it is given before the words of the protocol.
    pub(crate) fn new(program: &Path, before: &[&Path]) -> Self {
        let words = [program].into_iter().chain(before.iter().copied());
        Self { words: words.map(OsString::from).collect() }
    }

    fn command(&self) -> Command {
        let mut words = self.words.iter();
        let mut command = Command::new(words.next().cloned().unwrap_or_default());
        command.args(words).env_remove(BACKEND_SETTING).env_remove(SPACE_SETTING);
        command
    }

    /// What one measurement of at least `millis` milliseconds is run with.
    pub(crate) fn measure(&self, key: &str, contender: &str, millis: u64) -> Command {
        let mut command = self.command();
        command.args(["run", key, contender, "--millis", &millis.to_string()]);
        command
    }

    /// The lines that it lists.
    pub(crate) fn list(&self) -> Result<String> {
        let mut command = self.command();
        let output = command.arg("list").output().with_context(|| format!("{command:?}"))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{command:?}: {}\n{said}", output.status);
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// The rows that a program lists, of which it runs all contenders.
pub(crate) fn rows(program: &Rc<Program>) -> Result<Vec<Row>> {
    let mut rows: Vec<Row> = parsed(&program.list()?)?;
    for contender in rows.iter_mut().flat_map(|row| &mut row.contenders) {
        contender.program = Rc::clone(program);
    }
    Ok(rows)
}

/// Values of JSON, one in each line.
pub(crate) fn parsed<T: for<'a> Deserialize<'a>>(lines: &str) -> Result<Vec<T>> {
    let value = |line: &str| serde_json::from_str(line).with_context(|| line.to_owned());
    lines.lines().filter(|line| !line.trim().is_empty()).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"key":"create/shm/4KiB","title":"create+map+destroy, shm, 4 KiB",
        "floor":"the same calls","bytes":null,"goal":{"of_floor":1.15},
        "not_ready":null,"contenders":[{"name":"ours","role":"ours"},{"name":"floor","role":"floor"}]}"#;

    #[test]
    fn a_row_is_read() {
        let rows: Vec<Row> = parsed(&LINE.replace('\n', " ")).unwrap();
        assert_eq!(rows[0].key, "create/shm/4KiB");
        assert_eq!(rows[0].goal, Some(Goal::OfFloor(1.15)));
        assert_eq!(rows[0].contenders[1].role, Role::Floor);
        assert!(parsed::<Row>("{}").is_err());
    }

    #[test]
    fn a_measurement_is_the_last_line_that_is_one() {
        let output = "a warning\n{\"ns\":10,\"count\":4,\"notes\":[\"warm\"]}\nbye\n";
        let found = Measurement::find(output).unwrap();
        assert_eq!((found.of_one(), found.notes.len()), (2.5, 1));
        assert_eq!(Measurement::find("{\"ns\":10,\"count\":0}"), None);
        assert_eq!(Measurement::find("{\"ns\":10}\n"), None);
    }
}
