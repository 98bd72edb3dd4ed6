//! `cargo xtask python`: arrays shared with NumPy and cdxcore, of which a Python environment is made
//! for the tests; then those of the Python package.

use std::process::ExitCode;

use anyhow::Result;
use indicatif::ProgressBar;

use crate::cargo::Cargo;
use crate::report::{self, Check, Tally};
use crate::{checks, environment, python_package, tools};

/// The name of this check in the tables.
pub(crate) const NAME: &str = "arrays shared with NumPy and cdxcore";

/// The variable that tells the tests where that Python is.
const VARIABLE: &str = "SHMARRAY_TEST_PYTHON";

/// Runs it by itself.
pub(crate) fn run() -> Result<ExitCode> {
    let bar = ProgressBar::new_spinner();
    let cargo = Cargo::new()?;
    let python = tools::python(&bar)?;
    let checks = [python, check(&cargo, &bar)?, python_package::check(&cargo, &bar)?];
    bar.finish_and_clear();
    let Tally { failed, .. } = report::print(&checks, &[]);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs it as a check among others.
pub(crate) fn check(cargo: &Cargo, bar: &ProgressBar) -> Result<Check> {
    let python = match environment::python(cargo, "python", environment::FOR_TESTS, bar) {
        Ok(python) => python,
        Err(error) => return Ok(Check::failed(NAME, "no environment", &format!("{error:#}\n"))),
    };
    let args = ["test", "--workspace", "--all-features", "--test", "python"];
    let mut command = cargo.command(&args);
    command.env(VARIABLE, python);
    checks::tests(NAME, command, bar)
}
