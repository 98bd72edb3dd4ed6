//! Checks beside the cells: tests, builds, and the crates that a feature set pulls in.

use std::process::Command;

use anyhow::Result;
use indicatif::ProgressBar;

use crate::cargo::{Built, Cargo, Finished, run};
use crate::features::FeatureSet;
use crate::report::{Check, Tally};

/// The tests of every crate, with all features.
pub(crate) fn workspace(cargo: &Cargo, bar: &ProgressBar) -> Result<Check> {
    let command = cargo.command(&["test", "--workspace", "--all-features", "--no-fail-fast"]);
    tests("tests of the workspace", command, bar)
}

/// The workspace that uses the facade from outside, built beside ours.
pub(crate) fn embedding(cargo: &Cargo, bar: &ProgressBar) -> Result<Check> {
    let mut command = cargo.command(&["test"]);
    command.arg("--target-dir").arg(cargo.target().join("embedding"));
    command.current_dir(cargo.root().join("tests/embedding"));
    tests("tests of tests/embedding", command, bar)
}

/// The facade with no other features than these, without a warning.
pub(crate) fn warnings(cargo: &Cargo, set: FeatureSet, bar: &ProgressBar) -> Result<Check> {
    let name = format!("shmarray with {set} only: no warning");
    let list = set.list();
    let args = ["check", "--package", "shmarray", "--no-default-features", "--features", &list];
    Ok(verdict(name, &cargo.build(&args, "shmarray", bar)?))
}

/// A build that fails, or warns, is a failure.
pub(crate) fn verdict(name: String, built: &Built) -> Check {
    let Finished { status, output } = &built.finished;
    match built.warnings {
        _ if !status.success() => Check::failed(name, format!("cargo: {status}"), output),
        0 => Check::passed(name),
        count => Check::failed(name, format!("{count} warnings: see above"), output),
    }
}

/// With these features, and whatever else is not a backend, the facade depends on their crates
/// and on no other backend's.
pub(crate) fn tree(cargo: &Cargo, set: FeatureSet, bar: &ProgressBar) -> Result<Check> {
    let name = format!("shmarray with {set} only: no other backend's code");
    let list = format!("{},transfer,npy,npz,half", set.list());
    let features = ["--no-default-features", "--features", &list];
    let shown = ["--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let mut command = cargo.command(&["tree", "--package", "shmarray"]);
    command.args(features).args(shown);
    let Finished { status, output } = run(command, bar)?;
    if !status.success() {
        return Ok(Check::failed(name, format!("cargo: {status}"), &output));
    }
    let has = |krate: &str| output.lines().any(|line| line.split(' ').next() == Some(krate));
    let missing = set.features(true).filter(|feature| !has(feature.krate));
    let extra = set.features(false).filter(|feature| has(feature.krate));
    let reasons: Vec<_> = missing
        .map(|feature| format!("{} is missing", feature.krate))
        .chain(extra.map(|feature| format!("{} is pulled in", feature.krate)))
        .collect();
    Ok(match reasons.as_slice() {
        [] => Check::passed(name),
        reasons => Check::failed(name, reasons.join(", "), &output),
    })
}

/// Runs tests. An ignored or filtered test is a failure.
pub(crate) fn tests(name: &str, command: Command, bar: &ProgressBar) -> Result<Check> {
    let Finished { status, output } = run(command, bar)?;
    let mut tally = count(&output);
    let mut reason = String::new();
    if !status.success() {
        reason = format!("cargo: {status}: see above");
        tally.failed = tally.failed.max(1);
    } else if tally.skipped > 0 {
        reason = format!("{} ignored, and no test may be", tally.skipped);
        tally.failed += std::mem::take(&mut tally.skipped);
    }
    Ok(Check::counted(name, tally, reason, &output))
}

/// Adds up the lines `test result: ok. 3 passed; 0 failed; 0 ignored; …`.
fn count(output: &str) -> Tally {
    let mut total = Tally::default();
    for line in output.lines().filter(|line| line.starts_with("test result: ")) {
        let figures = line.split_once(". ").map_or("", |(_, figures)| figures);
        for figure in figures.split("; ") {
            let Some((Ok(count), what)) = figure.split_once(' ').map(|(n, what)| (n.parse(), what))
            else {
                continue;
            };
            total += match what {
                "passed" => Tally { passed: count, ..Tally::default() },
                "failed" => Tally { failed: count, ..Tally::default() },
                "ignored" => Tally { skipped: count, ..Tally::default() },
                _ => Tally::default(),
            };
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_added_up() {
        let output = "running 4 tests\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 9 filtered out; finished in 0.01s\n\
            test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n";
        let expected = Tally { passed: 5, failed: 1, skipped: 1 };
        assert_eq!(count(output), expected);
    }
}
