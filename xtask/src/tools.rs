//! Programs that the tests run, and that a machine may lack.

use std::process::Command;

use anyhow::Result;
use indicatif::ProgressBar;

use crate::cargo;
use crate::report::Check;

/// strace, which kills processes at chosen system calls.
pub(crate) fn strace(bar: &ProgressBar) -> Result<Check> {
    installed("strace is there", on_path("strace"), "strace", bar)
}

/// Python, with what it takes to make an environment: the tests share arrays with it.
pub(crate) fn python(bar: &ProgressBar) -> Result<Check> {
    let modules = ["-c", "import venv, ensurepip"];
    let is_there =
        on_path("python3") && Command::new("python3").args(modules).output()?.status.success();
    installed("python3 with venv is there", is_there, "python3-venv", bar)
}

/// A C++ compiler: libFuzzer is written in that.
pub(crate) fn cpp(bar: &ProgressBar) -> Result<Check> {
    installed("a C++ compiler is there", on_path("c++"), "g++", bar)
}

/// Installs a missing program where this process may; elsewhere the error asks the user for it.
fn installed(name: &str, is_there: bool, package: &str, bar: &ProgressBar) -> Result<Check> {
    if is_there {
        return Ok(Check::passed(name));
    }
    if !rustix::process::geteuid().is_root() || !on_path("apt-get") {
        let reason = format!(
            "tests need it: install the package `{package}` \
             (on Debian: sudo apt-get install {package})"
        );
        return Ok(Check::failed(name, reason, ""));
    }
    bar.suspend(|| println!("apt-get install {package}"));
    let mut update = Command::new("apt-get");
    update.arg("update");
    let mut install = Command::new("apt-get");
    install.args(["install", "--yes", "--no-install-recommends", package]);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    let updated = cargo::run(update, bar)?;
    let installed = cargo::run(install, bar)?;
    if installed.status.success() {
        return Ok(Check::passed(name));
    }
    let output = updated.output + &installed.output;
    Ok(Check::failed(name, "apt-get could not install it", &output))
}

/// Whether a program of that name can be run.
pub(crate) fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
