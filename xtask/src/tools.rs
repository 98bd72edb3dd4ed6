//! Programs that the tests run, and that a machine may lack.

use std::process::Command;

use anyhow::Result;
use indicatif::ProgressBar;

use crate::cargo;
use crate::report::Check;

/// strace, which kills processes at chosen system calls: installed where we may, asked for
/// elsewhere.
pub(crate) fn strace(bar: &ProgressBar) -> Result<Check> {
    let name = "strace is there";
    if on_path("strace") {
        return Ok(Check::passed(name));
    }
    if !rustix::process::geteuid().is_root() || !on_path("apt-get") {
        let reason = "the crash tests need it: install the package `strace` \
                      (on Debian: sudo apt-get install strace)";
        return Ok(Check::failed(name, reason, ""));
    }
    bar.suspend(|| println!("strace is missing: apt-get install strace"));
    let mut update = Command::new("apt-get");
    update.arg("update");
    let mut install = Command::new("apt-get");
    install.args(["install", "--yes", "--no-install-recommends", "strace"]);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    let updated = cargo::run(update, bar)?;
    let installed = cargo::run(install, bar)?;
    if installed.status.success() {
        return Ok(Check::passed(name));
    }
    let output = updated.output + &installed.output;
    Ok(Check::failed(name, "apt-get could not install it", &output))
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
