//! `cargo xtask python`: arrays shared with NumPy and cdxcore, of which a Python environment is made
//! for the tests.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;

use crate::cargo::{self, Cargo};
use crate::checks;
use crate::report::{self, Check, Tally};
use crate::tools;

/// What is checked, as the tables name it.
pub(crate) const NAME: &str = "arrays shared with NumPy and cdxcore";

/// What is installed, each in one version.
const PACKAGES: &str = "xtask/python.txt";

/// Tells the tests where that Python is.
const VARIABLE: &str = "SHMARRAY_TEST_PYTHON";

/// Runs it by itself.
pub(crate) fn run() -> Result<ExitCode> {
    let bar = ProgressBar::new_spinner();
    let checks = [tools::python(&bar)?, check(&Cargo::new()?, &bar)?];
    bar.finish_and_clear();
    let Tally { failed, .. } = report::print(&checks, &[]);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs it as a check among others.
pub(crate) fn check(cargo: &Cargo, bar: &ProgressBar) -> Result<Check> {
    let python = match environment(cargo, bar) {
        Ok(python) => python,
        Err(error) => return Ok(Check::failed(NAME, "no environment", &format!("{error:#}\n"))),
    };
    let args = ["test", "--workspace", "--all-features", "--test", "python"];
    let mut command = cargo.command(&args);
    command.env(VARIABLE, python);
    checks::tests(NAME, command, bar)
}

/// The Python of an environment below the target directory; made if it is not there, or has other
/// packages.
fn environment(cargo: &Cargo, bar: &ProgressBar) -> Result<PathBuf> {
    let (folder, packages) = (cargo.target().join("python"), cargo.root().join(PACKAGES));
    let (python, installed) = (folder.join("bin/python"), folder.join("installed.txt"));
    let wanted = fs::read(&packages).context(PACKAGES)?;
    if fs::read(&installed).is_ok_and(|has| has == wanted) {
        return Ok(python);
    }
    let mut create = Command::new("python3");
    create.args(["-m", "venv", "--clear"]).arg(&folder);
    done(create, bar)?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-deps"]);
    install.arg("--requirement").arg(&packages);
    done(install, bar)?;
    fs::write(installed, wanted)?;
    Ok(python)
}

fn done(command: Command, bar: &ProgressBar) -> Result<()> {
    let what = format!("{command:?}");
    let finished = cargo::run(command, bar)?;
    if !finished.status.success() {
        bail!("{what}: {}\n{}", finished.status, finished.output);
    }
    Ok(())
}
