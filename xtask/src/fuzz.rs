//! `cargo xtask fuzz`: generated inputs for everything that reads what comes from outside. It needs a
//! nightly compiler, and installs cargo-fuzz below the target directory where there is none.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;

use crate::cargo::{self, Cargo, Finished};
use crate::report::{self, Check, Tally};
use crate::tsan::nightly;

/// The name of this check in the tables.
pub(crate) const NAME: &str = "fuzz targets";

const WHAT_IS_MISSING: &str = "it needs a nightly compiler (rustup toolchain install nightly) and \
                               cargo-fuzz, which could not be installed";

const CARGO_FUZZ: &str = "cargo-fuzz@0.13.2";

/// A target of `fuzz/`. The runs take some eight seconds with AddressSanitizer.
struct Target {
    name: &'static str,
    runs: u64,
    /// The longest input, in bytes.
    max_len: usize,
    /// More seeds than those in `fuzz/seeds/`.
    seeds: Option<&'static str>,
}

const FILES: Option<&str> = Some("crates/shm-npy/tests/data");

const TARGETS: [Target; 6] = [
    Target { name: "header", runs: 120_000, max_len: 2048, seeds: None },
    Target { name: "descriptor", runs: 100_000, max_len: 2048, seeds: None },
    Target { name: "message", runs: 40_000, max_len: 1024, seeds: None },
    Target { name: "dtype", runs: 150_000, max_len: 11_000, seeds: None },
    Target { name: "npy", runs: 50_000, max_len: 1024, seeds: FILES },
    Target { name: "npz", runs: 30_000, max_len: 1024, seeds: FILES },
];

/// Runs all targets, or one, with so many inputs each if that is said.
pub(crate) fn run(target: Option<&str>, runs: Option<u64>) -> Result<ExitCode> {
    let mut targets: Vec<_> = TARGETS.iter().collect();
    if let Some(wanted) = target {
        targets.retain(|target| target.name == wanted);
        if targets.is_empty() {
            bail!(
                "no target {wanted:?}; there are: {}",
                TARGETS.map(|known| known.name).join(", ")
            );
        }
    }
    let (cargo, bar) = (Cargo::new()?, ProgressBar::new_spinner());
    let checks = checks(&cargo, &targets, runs, &bar)?;
    bar.finish_and_clear();
    let Tally { failed, .. } = report::print(&checks, &[]);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs all targets as one check among others.
pub(crate) fn check(cargo: &Cargo, bar: &ProgressBar) -> Result<Check> {
    let checks = checks(cargo, &TARGETS.iter().collect::<Vec<_>>(), None, bar)?;
    let (mut tally, mut reasons, mut output) = (Tally::default(), Vec::new(), String::new());
    for check in &checks {
        tally += check.tally;
        if check.tally.failed > 0 {
            reasons.push(format!("{}: {}", check.name, check.reason));
            output += check.output();
        }
    }
    Ok(Check::counted(NAME, tally, reasons.join("; "), &output))
}

fn checks(
    cargo: &Cargo,
    targets: &[&Target],
    runs: Option<u64>,
    bar: &ProgressBar,
) -> Result<Vec<Check>> {
    if let Some(failed) = prepare(cargo, targets, bar)? {
        return Ok(vec![failed]);
    }
    targets.iter().map(|target| fuzz(cargo, target, runs.unwrap_or(target.runs), bar)).collect()
}

/// Builds the targets; the error names what is missing.
fn prepare(cargo: &Cargo, targets: &[&Target], bar: &ProgressBar) -> Result<Option<Check>> {
    let asked = || cargo::run(cargo_fuzz(cargo, &["--version"]), bar);
    if !asked()?.status.success() {
        bar.suspend(|| println!("cargo install {CARGO_FUZZ}"));
        let mut install = cargo.command(&["install", CARGO_FUZZ]);
        install.arg("--root").arg(tools(cargo));
        let Finished { output, .. } = cargo::run(install, bar)?;
        if !asked()?.status.success() {
            return Ok(Some(Check::failed(NAME, WHAT_IS_MISSING, &output)));
        }
    }
    // cargo-fuzz itself would write another Cargo.lock.
    let tree = cargo.command(&["tree", "--quiet", "--manifest-path", "fuzz/Cargo.toml"]);
    let Finished { status, output } = cargo::run(tree, bar)?;
    if !status.success() {
        let reason = "if fuzz/Cargo.lock is old: cargo update --workspace --manifest-path \
                      fuzz/Cargo.toml";
        return Ok(Some(Check::failed(NAME, reason, &output)));
    }
    let mut build = cargo_fuzz(cargo, &["build", "--codegen-units", "16"]);
    build.arg("--target-dir").arg(cargo.target().join("fuzz"));
    if let [target] = targets {
        build.arg(target.name);
    }
    let Finished { status, output } = cargo::run(build, bar)?;
    let failed = || Check::failed(NAME, format!("cargo fuzz build: {status}"), &output);
    Ok((!status.success()).then(failed))
}

/// Runs a target on so many inputs.
fn fuzz(cargo: &Cargo, target: &Target, runs: u64, bar: &ProgressBar) -> Result<Check> {
    let Target { name, max_len, seeds, .. } = target;
    let what = format!("fuzz target {name}: {runs} inputs");
    bar.suspend(|| println!("{what}"));
    let mut command = cargo_fuzz(cargo, &["run", "--codegen-units", "16"]);
    command.arg("--target-dir").arg(cargo.target().join("fuzz")).arg(name);
    // libFuzzer writes new inputs to the first of these folders.
    let grown = cargo.root().join("fuzz/corpus").join(name);
    fs::create_dir_all(&grown).with_context(|| grown.display().to_string())?;
    let own = cargo.root().join("fuzz/seeds").join(name);
    let own = own.is_dir().then_some(own);
    let other = seeds.map(|seeds| cargo.root().join(seeds));
    command.arg(&grown).args(own).args(other).arg("--");
    command.args([format!("-runs={runs}"), format!("-max_len={max_len}")]);
    command.args(["-timeout=10", "-rss_limit_mb=2048"]);
    let words = cargo.root().join("fuzz/dictionaries").join(name);
    if words.is_file() {
        command.arg(format!("-dict={}", words.display()));
    }
    let Finished { status, output } = cargo::run(command, bar)?;
    let check = format!("fuzz {name}");
    if status.success()
        && let Some((inputs, coverage)) = output.lines().find_map(done)
    {
        let tally = Tally { passed: 1, ..Tally::default() };
        let figures = format!("{inputs} inputs, coverage {coverage}");
        return Ok(Check::counted(check, tally, figures, ""));
    }
    let written = output.lines().find_map(|line| line.split_once("Test unit written to "));
    let reason = match written {
        Some((_, input)) => format!("cargo +nightly fuzz run {name} {input}"),
        None => format!("cargo fuzz run: {status}"),
    };
    // Without the lines that report progress.
    let telling = output.lines().filter(|line| !line.starts_with('#'));
    Ok(Check::failed(check, reason, &telling.collect::<Vec<_>>().join("\n")))
}

/// The figures of a last line such as `#20000\tDONE   cov: 805 ft: 1913 corp: …`.
fn done(line: &str) -> Option<(&str, &str)> {
    let mut words = line.strip_prefix('#')?.split_whitespace();
    let inputs = words.next()?;
    (words.next()? == "DONE" && words.next()? == "cov:").then_some((inputs, words.next()?))
}

/// `cargo +nightly fuzz <args>` in the workspace's folder.
fn cargo_fuzz(cargo: &Cargo, args: &[&str]) -> Command {
    let mut command = nightly("cargo");
    // With `CARGO` set, cargo-fuzz would start the cargo that runs this process, and not the nightly one.
    command.arg("fuzz").args(args).current_dir(cargo.root()).env_remove("CARGO");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([tools(cargo).join("bin")]);
    if let Ok(path) = std::env::join_paths(folders) {
        command.env("PATH", path);
    }
    command
}

/// Where programs are installed that the tests need.
fn tools(cargo: &Cargo) -> PathBuf {
    cargo.target().join("tools")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_understood() {
        let line =
            "#20000\tDONE   cov: 805 ft: 1913 corp: 189/4215b lim: 99 exec/s: 5000 rss: 75Mb";
        assert_eq!(done(line), Some(("20000", "805")));
        assert_eq!(done("#19000\tREDUCE cov: 805 ft: 1913"), None);
    }
}
