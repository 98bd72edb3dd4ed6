//! Runs cargo on this workspace, and reads its reports.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, PipeReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, ensure};
use indicatif::ProgressBar;
use serde_json::Value;

/// The variable that decides which backend `auto` is. Tests must not see the user's.
pub(crate) const BACKEND_SETTING: &str = "SHMARRAY_BACKEND";

/// The variable that says how much `auto` leaves free in `/dev/shm`: likewise.
pub(crate) const SPACE_SETTING: &str = "SHMARRAY_SHM_MIN_FREE";

/// The cargo that runs us, on the workspace that we belong to.
pub(crate) struct Cargo {
    program: OsString,
    root: PathBuf,
    target: PathBuf,
}

/// The result of a command.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    /// Standard output and standard error, as they came.
    pub(crate) output: String,
}

/// The result of a build.
pub(crate) struct Built {
    /// The command; its output is what a person reads, warnings included.
    pub(crate) finished: Finished,
    /// Warnings of our own crates, also of those that were built before.
    pub(crate) warnings: usize,
    /// The executable of the target that was asked for.
    pub(crate) executable: Option<PathBuf>,
}

impl Cargo {
    pub(crate) fn new() -> Result<Self> {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let folder = std::env::var_os("CARGO_MANIFEST_DIR").context("run it as `cargo xtask`")?;
        let root = Path::new(&folder).parent().context("xtask has no workspace")?.to_path_buf();
        let mut cargo = Self { program, root, target: PathBuf::new() };
        let mut command = cargo.command(&["metadata", "--no-deps", "--format-version", "1"]);
        let output = command.stderr(Stdio::inherit()).output()?;
        ensure!(output.status.success(), "cargo metadata failed: {}", output.status);
        let metadata: Value = serde_json::from_slice(&output.stdout)?;
        let target = metadata["target_directory"].as_str();
        cargo.target = target.context("cargo names no target directory")?.into();
        Ok(cargo)
    }

    /// The cargo that runs us.
    pub(crate) fn program(&self) -> &OsStr {
        &self.program
    }

    /// The workspace's folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo builds.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// `cargo <args>` in the workspace's folder, with the dependencies of `Cargo.lock`.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).arg("--locked").current_dir(&self.root);
        command.env_remove(BACKEND_SETTING).env_remove(SPACE_SETTING);
        command
    }

    /// Runs a build to its end, and looks out for the executable of `target`. Warnings are counted
    /// in cargo's own report, as flags that make them errors would build every dependency anew.
    pub(crate) fn build(&self, args: &[&str], target: &str, bar: &ProgressBar) -> Result<Built> {
        let mut command = self.command(args);
        command.arg("--message-format=json");
        let (mut text, mut warnings, mut executable) = (String::new(), 0, None);
        let status = follow(command, |line| {
            let Ok(message) = serde_json::from_str::<Value>(line) else {
                bar.set_message(line.trim().to_owned());
                text += line;
                return;
            };
            warnings += usize::from(message["message"]["level"] == "warning");
            text += message["message"]["rendered"].as_str().unwrap_or_default();
            if message["target"]["name"] == target {
                let path = message["executable"].as_str().map(PathBuf::from);
                executable = path.or(executable.take());
            }
        })?;
        let output = text;
        Ok(Built { finished: Finished { status, output }, warnings, executable })
    }
}

/// Runs a command to its end, showing its latest line.
pub(crate) fn run(command: Command, bar: &ProgressBar) -> Result<Finished> {
    let mut output = String::new();
    let status = follow(command, |line| {
        bar.set_message(line.trim().to_owned());
        output += line;
    })?;
    Ok(Finished { status, output })
}

/// Both outputs of a command through one pipe, in the order in which they were written.
pub(crate) fn joined(command: &mut Command) -> Result<PipeReader> {
    let (reader, writer) = std::io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    Ok(reader)
}

fn follow(mut command: Command, mut each: impl FnMut(&str)) -> Result<ExitStatus> {
    let mut reader = BufReader::new(joined(&mut command)?);
    let mut child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
    drop(command); // and with it this process's end of the pipe, so that the child's is the last
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        each(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(child.wait()?)
}
