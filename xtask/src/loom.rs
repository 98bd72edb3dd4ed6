//! `cargo xtask loom`: the algorithms of shm-sync and shm-arena under the model checker.

use std::process::ExitCode;

use anyhow::Result;
use indicatif::ProgressBar;

use crate::cargo::Cargo;
use crate::checks;
use crate::report::{self, Check, Tally};

/// The name of this check in the tables.
pub(crate) const NAME: &str = "models";

/// The crates that have models.
const PACKAGES: [&str; 2] = ["shm-sync", "shm-arena"];

/// Runs every model, and prints how far each was explored.
pub(crate) fn run() -> Result<ExitCode> {
    let bar = ProgressBar::new_spinner();
    let check = models(&Cargo::new()?, &bar)?;
    bar.finish_and_clear();
    for line in check.output().lines().filter(|line| line.starts_with("model ")) {
        println!("{line}");
    }
    let Tally { failed, .. } = report::print(&[check], &[]);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Loom's flag holds for every crate, so cargo builds into a folder apart. It optimises, as the models
/// run millions of orders.
pub(crate) fn models(cargo: &Cargo, bar: &ProgressBar) -> Result<Check> {
    let mut command = cargo.command(&["test", "--release", "--lib"]);
    command.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    command.arg("--target-dir").arg(cargo.target().join("loom"));
    // The models do without some parts of the crate.
    command.env("RUSTFLAGS", "--cfg loom -A dead_code").env_remove("CARGO_ENCODED_RUSTFLAGS");
    command.args(["--", "--show-output", "models::"]);
    let check = checks::tests(NAME, command, bar)?;
    if check.tally.passed + check.tally.failed == 0 {
        return Ok(Check::failed(NAME, "no model was run", check.output()));
    }
    Ok(check)
}
