//! `cargo xtask tsan`: the tests of threads, under ThreadSanitizer. It sees one process only, and
//! needs a nightly compiler.

use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use indicatif::ProgressBar;

use crate::cargo::{self, Cargo};
use crate::report::Check;

/// Suppressions: reports of the sanitizer that are no races, with the reasons.
const SUPPRESSIONS: &str = "xtask/tsan.supp";

/// The name of this check in the tables.
pub(crate) const NAME: &str = "threads under ThreadSanitizer";

/// Runs it by itself, with its output.
pub(crate) fn run() -> Result<ExitCode> {
    let status = command(&Cargo::new()?)?.status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs it as a check among others.
pub(crate) fn check(cargo: &Cargo, bar: &ProgressBar) -> Result<Check> {
    let command = match command(cargo) {
        Ok(command) => command,
        Err(error) => return Ok(Check::failed(NAME, format!("{error:#}"), "")),
    };
    let finished = cargo::run(command, bar)?;
    if finished.status.success() {
        return Ok(Check::passed(NAME));
    }
    Ok(Check::failed(NAME, "a race, or a test that failed", &finished.output))
}

fn command(cargo: &Cargo) -> Result<Command> {
    let mut command = nightly("cargo");
    command.args(["test", "--locked", "--package", "shmarray", "--test", "together"]);
    // With a target named, build scripts and macros are built without the sanitizer.
    command.arg("--target").arg(host()?);
    command.current_dir(cargo.root()).stdin(Stdio::null());
    let flags = "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer";
    command.env("RUSTFLAGS", flags).env("CARGO_TARGET_DIR", cargo.target().join("tsan"));
    let suppressions = cargo.root().join(SUPPRESSIONS);
    command.env("TSAN_OPTIONS", format!("suppressions={}", suppressions.display()));
    Ok(command)
}

/// The target that the compiler runs on.
fn host() -> Result<String> {
    let output = nightly("rustc").arg("-vV").output().context("cannot run rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("a nightly compiler is missing: rustup toolchain install nightly")?.to_owned())
}

/// A program of the nightly toolchain.
pub(crate) fn nightly(program: &str) -> Command {
    let mut command = Command::new(program);
    command.arg("+nightly").env_remove("RUSTUP_TOOLCHAIN");
    command
}
