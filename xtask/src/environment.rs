//! Python environments below the target directory, each made of a file that pins its packages.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;

use crate::cargo::{self, Cargo};

/// The packages of the tests, each in one version.
pub(crate) const FOR_TESTS: &str = "xtask/python.txt";

/// The Python of the environment `folder` with `packages`, a file of the repository; made if it is not
/// there, or has other packages.
pub(crate) fn python(
    cargo: &Cargo,
    folder: &str,
    packages: &str,
    bar: &ProgressBar,
) -> Result<PathBuf> {
    let folder = cargo.target().join(folder);
    let (python, installed) = (folder.join("bin/python"), folder.join("installed.txt"));
    let file = cargo.root().join(packages);
    let wanted = fs::read(&file).with_context(|| packages.to_owned())?;
    if fs::read(&installed).is_ok_and(|has| has == wanted) {
        return Ok(python);
    }
    let mut create = Command::new("python3");
    create.args(["-m", "venv", "--clear"]).arg(&folder);
    done(create, bar)?;
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-deps"]);
    install.arg("--requirement").arg(&file);
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
