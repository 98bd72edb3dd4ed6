//! What a run was made on and with: the kind of machine, without a name or a path of it.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

/// More than this is running on each core before the run begins: its figures are of a machine that
/// has other things to do.
const QUIET: f64 = 0.5;

/// The circumstances of a run.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct About {
    /// The day, in UTC.
    pub(crate) date: String,
    /// What to type for the same again.
    pub(crate) command: String,
    pub(crate) rounds: usize,
    /// How long a measurement took at least, in milliseconds.
    pub(crate) millis: u64,
    /// The same where there were several of one contender in each round.
    pub(crate) each_millis: u64,
    pub(crate) machine: Machine,
    pub(crate) compiler: String,
    /// The Python of the Python peers, if they ran.
    pub(crate) python: Option<String>,
    /// Warnings that a reader needs first.
    pub(crate) warnings: Vec<String>,
}

/// A kind of machine.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) processor: String,
    /// Memory in GiB.
    pub(crate) memory: u64,
    pub(crate) kernel: String,
    /// What the kernel allows of huge pages in shared memory, while it is measured.
    pub(crate) huge_pages: String,
}

impl Machine {
    /// This one. See proc(5), uname(1).
    pub(crate) fn here() -> Result<Self> {
        let cores = std::thread::available_parallelism()?.get();
        let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".into());
        let memory = field("/proc/meminfo", "MemTotal").context("/proc/meminfo: no MemTotal")?;
        let kilobytes: u64 = memory.trim_end_matches("kB").trim().parse()?;
        let release = fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let kernel = format!("Linux {} {}", version(&release), std::env::consts::ARCH);
        let huge_pages = super::huge::setting().unwrap_or_else(|_| "unknown".into());
        let memory = (kilobytes + (1 << 19)) >> 20;
        Ok(Self { cores, processor, memory, kernel, huge_pages })
    }
}

/// The warning about a machine that is busy with other things, before anything is built.
pub(crate) fn load_warning(cores: usize) -> Result<Option<String>> {
    let text = fs::read_to_string("/proc/loadavg")?;
    let load: f64 = text.split(' ').next().unwrap_or_default().parse()?;
    let cores = f64::from(u32::try_from(cores)?);
    let warning = format!("the machine had other things to do: load average {load} before the run");
    Ok((load > QUIET * cores).then_some(warning))
}

/// The first line that a program prints.
pub(crate) fn said(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", output.status);
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

/// The first value of a field in a file of `name: value` lines.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// A kernel's version, without what its builder added.
fn version(release: &str) -> &str {
    let end = release.find(|c: char| !c.is_ascii_digit() && c != '.');
    release[..end.unwrap_or(release.len())].trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_no_name() {
        assert_eq!(version("6.18.44-name-v1\n"), "6.18.44");
        assert_eq!(version("6.18."), "6.18");
        let here = Machine::here().unwrap();
        assert!(here.cores > 0 && here.kernel.starts_with("Linux "), "{here:?}");
    }
}
