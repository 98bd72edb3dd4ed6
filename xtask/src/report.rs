//! The findings: checks and cells as tables, and the one line at the end.

use std::fmt;
use std::ops::AddAssign;

use comfy_table::{Table, presets};

use crate::cells::{BACKENDS, Outcome, STARTS};
use crate::features::FeatureSet;

/// How many passed, failed, were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, skipped } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// The result of a check beside the cells.
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) tally: Tally,
    /// For a failure, why, and what to do.
    pub(crate) reason: String,
    /// The output of the programs that ran for it.
    output: String,
}

impl Check {
    pub(crate) fn passed(name: impl Into<String>) -> Self {
        let tally = Tally { passed: 1, ..Tally::default() };
        Self::counted(name, tally, "", "")
    }

    pub(crate) fn failed(name: impl Into<String>, reason: impl Into<String>, output: &str) -> Self {
        let tally = Tally { failed: 1, ..Tally::default() };
        Self::counted(name, tally, reason, output)
    }

    /// A check that counts for as many tests as it ran.
    pub(crate) fn counted(
        name: impl Into<String>,
        tally: Tally,
        reason: impl Into<String>,
        output: &str,
    ) -> Self {
        let (name, reason, output) = (name.into(), reason.into(), output.to_owned());
        Self { name, tally, reason, output }
    }

    /// The output of the programs that ran for it.
    pub(crate) fn output(&self) -> &str {
        &self.output
    }
}

/// A cell: its place in the matrix, and its outcome.
pub(crate) struct Cell {
    pub(crate) set: FeatureSet,
    pub(crate) backend: usize,
    pub(crate) start: usize,
    pub(crate) outcome: Outcome,
    /// How that differs from what was expected, if it does.
    pub(crate) difference: Option<String>,
}

impl Cell {
    fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        *match (&self.difference, &self.outcome) {
            (Some(_), _) => &mut tally.failed,
            (None, Outcome::Skip(_)) => &mut tally.skipped,
            (None, _) => &mut tally.passed,
        } += 1;
        tally
    }
}

/// Prints what failed in full, then everything as tables; the last line is the sum.
pub(crate) fn print(checks: &[Check], cells: &[Cell]) -> Tally {
    let mut total = Tally::default();
    let mut table = table(["check", "passed", "failed", "skipped", "reason"]);
    for check in checks {
        if check.tally.failed > 0 {
            println!("\n== {}\n{}", check.name, check.output);
        }
        let Tally { passed, failed, skipped } = check.tally;
        let figures = [passed, failed, skipped].map(|count| count.to_string());
        let [passed, failed, skipped] = figures;
        table.add_row([check.name.clone(), passed, failed, skipped, check.reason.clone()]);
        total += check.tally;
    }
    println!("\n{table}\n");
    if !cells.is_empty() {
        print_cells(cells);
    }
    for cell in cells {
        total += cell.tally();
    }
    println!("\n{total}");
    total
}

/// The matrix, and under it the reason of each cell that is not a pass.
fn print_cells(cells: &[Cell]) {
    let mut notes: Vec<String> = Vec::new();
    let mut table = table(["features", "backend"].into_iter().chain(STARTS));
    for row in cells.chunks(STARTS.len()) {
        let Some(Cell { set, backend, .. }) = row.first() else {
            continue;
        };
        let name = BACKENDS.get(*backend).copied().unwrap_or_default();
        let mut line = vec![set.to_string(), name.to_owned()];
        line.extend(row.iter().map(|cell| described(cell, &mut notes)));
        table.add_row(line);
    }
    println!("{table}");
    for (number, note) in (1..).zip(&notes) {
        println!("[{number}] {note}");
    }
}

/// A cell's word, and the number of its reason among the notes.
fn described(cell: &Cell, notes: &mut Vec<String>) -> String {
    let reason = match (&cell.difference, cell.outcome.reason()) {
        (None, "") => return cell.outcome.word().to_owned(),
        (None, reason) => reason.to_owned(),
        (Some(difference), reason) => {
            let start = STARTS.get(cell.start).copied().unwrap_or_default();
            format!("{start} DIFFERS ({difference}): {reason}")
        }
    };
    let known = notes.iter().position(|note| *note == reason);
    let place = known.unwrap_or_else(|| {
        notes.push(reason);
        notes.len() - 1
    });
    format!("{} [{}]", cell.outcome.word(), place + 1)
}

fn table<'a>(head: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_header(head.into_iter().collect::<Vec<_>>());
    table
}
