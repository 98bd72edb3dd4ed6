//! `cargo xtask python`, second part: the Python package, installed by pip as its users do, its types and its
//! tests.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Result;
use indicatif::ProgressBar;

use crate::cargo::{Cargo, Finished, run};
use crate::environment;
use crate::report::{Check, Tally};

/// The name of this check in the tables.
pub(crate) const NAME: &str = "the Python package";

/// The crate that it is made of, as pip takes a folder for one.
const CRATE: &str = "./crates/shm-python";

/// Its tests.
const TESTS: &str = "crates/shm-python/tests";

/// The Python files whose types are checked.
const TYPED: [&str; 3] = ["crates/shm-python/python/shmarray", TESTS, "examples/python"];

/// Installs it, checks its types, and runs its tests; says how long each takes.
pub(crate) fn check(cargo: &Cargo, bar: &ProgressBar) -> Result<Check> {
    let python = match environment::python(cargo, "python", environment::FOR_TESTS, bar) {
        Ok(python) => python,
        Err(error) => return Ok(Check::failed(NAME, "no environment", &format!("{error:#}\n"))),
    };
    let pip = ["-m", "pip", "install", "--disable-pip-version-check", "--no-deps"];
    let pip = [&pip[..], &["--force-reinstall", CRATE]].concat();
    let mypy = [&["-m", "mypy", "--strict"][..], &TYPED].concat();
    for (step, arguments) in [("pip install", pip), ("mypy --strict", mypy)] {
        let Finished { status, output } = timed(step, cargo, &python, &arguments, bar)?;
        if !status.success() {
            return Ok(Check::failed(NAME, format!("{step}: {status}: see above"), &output));
        }
    }
    let pytest = ["-m", "pytest", "-p", "no:cacheprovider", "--durations", "5", TESTS];
    let Finished { status, output } = timed("pytest", cargo, &python, &pytest, bar)?;
    let mut tally = count(&output);
    let mut reason = String::new();
    if !status.success() {
        reason = format!("pytest: {status}: see above");
        tally.failed = tally.failed.max(1);
    } else if tally.skipped > 0 || tally.passed == 0 {
        reason = "a test was skipped, or there was none".to_owned();
        tally.failed += tally.skipped.max(1);
        tally.skipped = 0;
    }
    Ok(Check::counted(NAME, tally, reason, &output))
}

fn timed(
    step: &str,
    cargo: &Cargo,
    python: &Path,
    arguments: &[&str],
    bar: &ProgressBar,
) -> Result<Finished> {
    let (start, mut command) = (Instant::now(), Command::new(python));
    command.args(arguments).current_dir(cargo.root());
    let finished = run(command, bar)?;
    let seconds = start.elapsed().as_secs();
    bar.suspend(|| println!("{NAME}: {step}: {seconds} s"));
    Ok(finished)
}

/// The figures of pytest's last line: `= 2 failed, 9 passed, 1 skipped, 3 errors in 4.56s =`.
fn count(output: &str) -> Tally {
    let last = output.lines().rev().find(|line| line.contains(" in ") && line.starts_with('='));
    let figures = last.and_then(|line| line.trim_matches(['=', ' ']).split_once(" in "));
    let mut total = Tally::default();
    for figure in figures.map_or("", |(figures, _)| figures).split(", ") {
        let Some((Ok(count), what)) = figure.split_once(' ').map(|(n, what)| (n.parse(), what))
        else {
            continue;
        };
        total += match what {
            "passed" => Tally { passed: count, ..Tally::default() },
            "failed" | "error" | "errors" => Tally { failed: count, ..Tally::default() },
            "skipped" => Tally { skipped: count, ..Tally::default() },
            _ => Tally::default(),
        };
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_read() {
        let output = "....\n= 2 failed, 9 passed, 1 skipped, 3 errors in 4.56s =\n";
        assert_eq!(count(output), Tally { passed: 9, failed: 5, skipped: 1 });
        assert_eq!(count("no tests ran\n"), Tally::default());
    }
}
