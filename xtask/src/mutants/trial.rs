//! Building a test against a mutant, and running it where it can do no harm.
//!
//! A mutant may leave entries in `/dev/shm`, processes, or hang. So its tests run in a mount and PID
//! namespace of their own, with a `/dev/shm` of their own, and have a deadline; what is left when
//! they end goes with the namespaces. See unshare(1), `pid_namespaces(7)`.

use std::fmt;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::ProgressBar;
use rustix::process::{Pid, Signal, geteuid, kill_process_group};

use super::list::TestRun;
use super::tree::Tree;
use crate::cargo::{Cargo, joined};

/// Tests of mutants take seconds; a test that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(100);

/// The commands of the shell in the namespaces, before the test. The shell stays, since process 1
/// ignores signals.
const ALONE: &str =
    "mount -t tmpfs -o mode=1777,size=512m tmpfs /dev/shm || exit 125; \"$@\"; exit";

/// The exit code of that shell if it cannot prepare the namespaces.
const NO_NAMESPACES: i32 = 125;

/// The outcome of a test against a mutant.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It failed: these tests of it.
    Caught { tests: Vec<String>, output: String },
    /// A signal ended it, in that test if it said so.
    Died { signal: i32, test: Option<String>, output: String },
    /// It did not end.
    Hung { test: Option<String>, output: String },
    /// It passed, after so many tests.
    Survived { ran: usize, output: String },
    /// The program failed, but none of its tests did: that shows nothing.
    Odd { output: String },
    /// The mutant does not compile.
    DoesNotBuild { output: String },
    /// The text that the mutant removes is not there.
    DoesNotApply { output: String },
}

impl Verdict {
    pub(crate) fn is_caught(&self) -> bool {
        matches!(self, Self::Caught { .. } | Self::Died { .. } | Self::Hung { .. })
    }

    /// What cargo or the test said.
    pub(crate) fn output(&self) -> &str {
        match self {
            Self::Caught { output, .. }
            | Self::Died { output, .. }
            | Self::Hung { output, .. }
            | Self::Survived { output, .. }
            | Self::Odd { output }
            | Self::DoesNotBuild { output }
            | Self::DoesNotApply { output } => output,
        }
    }

    fn of(status: ExitStatus, output: String) -> Self {
        // The shell reports a process that a signal ended as 128 plus the signal.
        let code = status.code();
        let signal = status.signal().or(code.map(|code| code - 128).filter(|signal| *signal > 0));
        let tests: Vec<_> = failed(&output).map(String::from).collect();
        match signal {
            _ if status.success() => Self::Survived { ran: count(&output), output },
            Some(signal) => Self::Died { signal, test: unfinished(&output), output },
            None if tests.is_empty() => Self::Odd { output },
            None => Self::Caught { tests, output },
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at =
            |test: &Option<String>| test.as_ref().map_or(String::new(), |t| format!(" in {t}"));
        match self {
            Self::Caught { tests, .. } => write!(f, "caught by {}", tests.join(", ")),
            Self::Died { signal, test, .. } => write!(f, "caught: signal {signal}{}", at(test)),
            Self::Hung { test, .. } => {
                write!(f, "caught: hangs, killed after {} s{}", LIMIT.as_secs(), at(test))
            }
            Self::Survived { ran, .. } => write!(f, "SURVIVED {ran} tests"),
            Self::Odd { .. } => f.write_str("ENDED WITHOUT A FAILED TEST"),
            Self::DoesNotBuild { .. } => f.write_str("DOES NOT BUILD"),
            Self::DoesNotApply { .. } => f.write_str("DOES NOT APPLY"),
        }
    }
}

/// How tests are built and run.
pub(crate) struct Trial {
    cargo: PathBuf,
    target: PathBuf,
    /// The options of unshare(1) that work here.
    apart: &'static [&'static str],
}

impl Trial {
    pub(crate) fn new(cargo: &Cargo, folder: &Path) -> Result<Self> {
        const ROOT: &[&str] = &["--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"];
        const USER: &[&str] = &[
            "--user",
            "--map-current-user",
            "--keep-caps",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child=KILL",
            "--mount-proc",
        ];
        let apart = if geteuid().is_root() { ROOT } else { USER };
        let mut probe = Command::new("unshare");
        probe.args(apart).args(["sh", "-c", ALONE, "sh", "true"]);
        let output = probe.output().context("cannot run unshare(1), of util-linux")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("mutants need namespaces, so that they leave nothing: {}", said.trim());
        }
        let cargo = cargo.program().into();
        Ok(Self { cargo, target: folder.join("target"), apart })
    }

    /// Builds a test and runs it.
    pub(crate) fn run(&self, tree: &Tree, run: &TestRun, bar: &ProgressBar) -> Result<Verdict> {
        bar.set_message(format!("building {} {}", run.package, run.target));
        let program = match self.build(tree, run)? {
            Ok(program) => program,
            Err(output) => return Ok(Verdict::DoesNotBuild { output }),
        };
        bar.set_message(run.to_string());
        let mut command = Command::new("unshare");
        command.args(self.apart).args(["sh", "-c", ALONE, "sh"]).arg(program).arg(&run.filter);
        let folder = tree.root().join("crates").join(&run.package);
        command.current_dir(if folder.is_dir() { &folder } else { tree.root() });
        for (variable, _) in std::env::vars_os() {
            if variable.to_str().is_some_and(|name| name.starts_with("SHMARRAY_")) {
                command.env_remove(variable);
            }
        }
        let (status, output) = finish(command)?;
        Ok(match status {
            Some(status) if status.code() == Some(NO_NAMESPACES) => bail!("{run}: {output}"),
            Some(status) => Verdict::of(status, output),
            None => Verdict::Hung { test: unfinished(&output), output },
        })
    }

    /// The test's program, or what cargo said.
    fn build(&self, tree: &Tree, run: &TestRun) -> Result<Result<PathBuf, String>> {
        let mut command = Command::new(&self.cargo);
        command.args(["test", "--locked", "--no-run", "--package", &run.package]);
        let mut flags = "--cap-lints=warn -Awarnings".to_owned();
        let mut target = self.target.clone();
        match run.target.as_str() {
            "lib" => command.arg("--lib"),
            "models" => {
                flags.push_str(" --cfg loom");
                target.push("loom");
                command.args(["--release", "--lib"])
            }
            target => command.args(["--test", target]),
        };
        command.args(["--message-format=json-render-diagnostics"]);
        // No debug information, as nobody debugs a mutant; unused code in a mutant is no fault.
        command.env("CARGO_PROFILE_DEV_DEBUG", "0").env("RUSTFLAGS", flags);
        command.env("CARGO_TARGET_DIR", target).env_remove("CARGO_ENCODED_RUSTFLAGS");
        let output = command.current_dir(tree.root()).stdin(Stdio::null()).output()?;
        if !output.status.success() {
            return Ok(Err(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let messages = String::from_utf8_lossy(&output.stdout);
        let executable = |line: &str| -> Option<PathBuf> {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            Some(message["executable"].as_str()?.into())
        };
        let program = messages.lines().filter_map(executable).next_back();
        Ok(Ok(program.with_context(|| format!("{run}: cargo built no test program"))?))
    }
}

/// Runs it to its end, or ends it and all that it started; no status for one that hangs.
fn finish(mut command: Command) -> Result<(Option<ExitStatus>, String)> {
    command.process_group(0);
    let mut reader = joined(&mut command)?;
    let mut child = command.spawn().with_context(|| format!("cannot run {command:?}"))?;
    drop(command); // and with it this process's end of the pipe, so that the child's is the last
    let (send, parts) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = vec![0; 1 << 16];
        while let Ok(count @ 1..) = reader.read(&mut bytes) {
            let _ = send.send(bytes[..count].to_vec());
        }
    });
    let (start, mut all, mut hangs) = (std::time::Instant::now(), Vec::new(), false);
    loop {
        match parts.recv_timeout(LIMIT.saturating_sub(start.elapsed())) {
            Ok(part) => all.extend(part),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                hangs = true;
                kill_process_group(Pid::from_child(&child), Signal::KILL)
                    .context("cannot end a test that hangs")?;
                break;
            }
        }
    }
    let status = child.wait()?;
    Ok(((!hangs).then_some(status), String::from_utf8_lossy(&all).into_owned()))
}

/// The tests that failed, as libtest and libtest-mimic list them at the end.
fn failed(output: &str) -> impl Iterator<Item = &str> {
    let (_, list) = output.rsplit_once("\nfailures:\n").unwrap_or_default();
    list.lines().map_while(|line| line.strip_prefix("    ")).map(str::trim)
}

/// How many tests there were.
fn count(output: &str) -> usize {
    let line = output.lines().find_map(|line| line.strip_prefix("running "));
    line.and_then(|line| line.split(' ').next()?.parse().ok()).unwrap_or(0)
}

/// The test that had begun and not ended.
fn unfinished(output: &str) -> Option<String> {
    let (name, result) =
        output.lines().rev().find_map(|line| line.strip_prefix("test ")?.split_once(" ..."))?;
    let ended = ["ok", "FAILED", "ignored"].iter().any(|word| result.ends_with(word));
    (!ended).then(|| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "running 3 tests\n\
        test one ... ok\n\
        test two ... noise\nFAILED\n\
        test three ... noise\n";
    const END: &str = "\n\nfailures:\n\n---- two ----\nsee above\n\n\
        \nfailures:\n    two\n    three\n\ntest result: FAILED. 1 passed; 2 failed\n";

    #[test]
    fn what_failed_is_read_from_the_output() {
        let output = [OUTPUT, END].concat();
        assert_eq!(failed(&output).collect::<Vec<_>>(), ["two", "three"]);
        assert_eq!(failed(OUTPUT).count(), 0);
        assert_eq!((count(OUTPUT), unfinished(OUTPUT).as_deref()), (3, Some("three")));
        assert_eq!((count(""), unfinished("test one ... ok\n")), (0, None));
    }

    #[test]
    fn a_signal_is_told_from_a_failure() {
        let verdict = |code| Verdict::of(ExitStatus::from_raw(code), [OUTPUT, END].concat());
        assert_eq!(verdict(101 << 8).to_string(), "caught by two, three");
        assert_eq!(verdict((128 + 7) << 8).to_string(), "caught: signal 7 in three");
        assert_eq!(verdict(9).to_string(), "caught: signal 9 in three");
        assert!(!verdict(0).is_caught());
    }
}
