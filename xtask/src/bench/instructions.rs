//! `cargo xtask bench --instructions`: how many instructions the hot paths of ours take, beside the
//! figures that are kept. A noisy machine does not change them.
//!
//! Each path is taken `COUNT` times under `valgrind --tool=callgrind` and, in another process, twice as
//! often: the difference is of the path alone, without what was made for it. The kernel's
//! instructions are not counted.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use comfy_table::Table;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;

use super::machine;
use crate::cargo::{BACKEND_SETTING, Cargo, SPACE_SETTING};
use crate::tools;

/// Where the figures are kept.
const KEPT: &str = "benches/instructions.toml";
/// How often a path is taken.
const COUNT: u32 = 1000;
/// Percent: a smaller difference is not reported as a change. A process id of other digits, or memory that lies
/// elsewhere, changes some paths by less.
const NOTABLE: f64 = 0.5;

/// The figures of a run.
#[derive(Debug, Deserialize, PartialEq)]
struct Figures {
    /// What built the program, and what counted.
    compiler: String,
    valgrind: String,
    /// Instructions of one operation, by the name of the path.
    instructions: BTreeMap<String, f64>,
}

/// Counts the paths whose name contains `filter`, prints them beside what is kept, and keeps them if
/// asked to.
pub(super) fn run(filter: Option<&str>, keep: bool) -> Result<ExitCode> {
    ensure!(
        tools::on_path("valgrind"),
        "valgrind counts the instructions: install the package `valgrind` \
         (on Debian: sudo apt-get install valgrind)"
    );
    ensure!(filter.is_none() || !keep, "what is kept has all paths: `--keep` without `--filter`");
    let cargo = Cargo::new()?;
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}")?);
    let program = built(&cargo, &bar)?;
    let names = Command::new(&program).arg("hot-paths").output()?.stdout;
    let mut instructions = BTreeMap::new();
    let wanted = |name: &&str| filter.is_none_or(|text| name.contains(text));
    for name in String::from_utf8(names)?.lines().filter(wanted) {
        bar.set_message(name.to_owned());
        let [once, twice] = [COUNT, 2 * COUNT].map(|count| counted(&program, name, count));
        #[expect(clippy::cast_precision_loss)] // far below 2^52
        let of_all = twice?.saturating_sub(once?) as f64;
        instructions.insert(name.to_owned(), of_all / f64::from(COUNT));
    }
    bar.finish_and_clear();
    let compiler = machine::said(Command::new("rustc").arg("--version"))?;
    let valgrind = machine::said(Command::new("valgrind").arg("--version"))?;
    let found = Figures { compiler, valgrind, instructions };
    let path = cargo.root().join(KEPT);
    let kept = fs::read_to_string(&path).ok().map(|text| read(&text)).transpose()?;
    println!("{}", told(&found, kept.as_ref()));
    if keep {
        fs::write(&path, written(&found)?).with_context(|| path.display().to_string())?;
        println!("written: {KEPT}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Without the peers, of which nothing is counted.
fn built(cargo: &Cargo, bar: &ProgressBar) -> Result<PathBuf> {
    let args = ["build", "--release", "--package", "shmarray-bench", "--bin", "contest"];
    let built = cargo.build(&args, "contest", bar)?;
    let finished = built.finished;
    ensure!(finished.status.success(), "cargo build: {}\n{}", finished.status, finished.output);
    built.executable.context("cargo built no `contest`")
}

/// The instructions of a whole process that takes a path so often.
fn counted(program: &Path, name: &str, count: u32) -> Result<u64> {
    // The same arguments and environment everywhere, since they lie on the stack and move it.
    let folder = program.parent().context("a program without a folder")?;
    let file = program.file_name().context("a program without a name")?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(Path::new(".").join(file)).args(["take", name, &count.to_string()]);
    command.current_dir(folder).env_remove(BACKEND_SETTING).env_remove(SPACE_SETTING);
    let output = command.output().context("valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name}: {}\n{said}", output.status);
    total(&said).with_context(|| format!("{name}: valgrind told no count\n{said}"))
}

/// The figure behind `Collected :`.
fn total(said: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.contains("Collected :"))?;
    line.split(':').next_back()?.trim().parse().ok()
}

fn read(text: &str) -> Result<Figures> {
    toml::from_str(text).context(KEPT)
}

/// As a file that a change can be compared with.
fn written(figures: &Figures) -> Result<String> {
    let mut text = String::from(
        "# Instructions that one operation takes outside the kernel, as valgrind counts them.\n\
         # Made anew by `cargo xtask bench --instructions --keep`. Another compiler gives others,\n\
         # and so does a processor that the system's memcpy does otherwise for.\n",
    );
    writeln!(text, "compiler = \"{}\"", figures.compiler)?;
    writeln!(text, "valgrind = \"{}\"\n\n[instructions]", figures.valgrind)?;
    for (name, count) in &figures.instructions {
        writeln!(text, "\"{name}\" = {count:.1}")?;
    }
    if read(&text)?.instructions.len() != figures.instructions.len() {
        bail!("a name that cannot be written");
    }
    Ok(text)
}

/// The counts of this run beside the kept ones.
fn told(found: &Figures, kept: Option<&Figures>) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::UTF8_BORDERS_ONLY);
    table.set_header(["instructions of one", "now", "kept", "change"]);
    for (name, now) in &found.instructions {
        let before = kept.and_then(|kept| kept.instructions.get(name)).copied();
        let shown = before.map_or_else(|| "-".into(), |before| format!("{before:.1}"));
        table.add_row([name.clone(), format!("{now:.1}"), shown, change(*now, before)]);
    }
    let mut text = table.to_string();
    if let Some(kept) = kept.filter(|kept| kept.compiler != found.compiler) {
        text += &format!("\nkept of {}, now {}", kept.compiler, found.compiler);
    }
    if let Some(kept) = kept.filter(|kept| kept.valgrind != found.valgrind) {
        text += &format!("\nkept of {}, now {}", kept.valgrind, found.valgrind);
    }
    text
}

fn change(now: f64, before: Option<f64>) -> String {
    let Some(before) = before.filter(|before| *before > 0.0) else { return "new".into() };
    let percent = (now / before - 1.0) * 100.0;
    if percent.abs() < NOTABLE { "same".into() } else { format!("{percent:+.1} %") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(all: &[(&str, f64)]) -> Figures {
        let instructions = all.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        Figures { compiler: "rustc 1".into(), valgrind: "valgrind-3".into(), instructions }
    }

    #[test]
    fn the_count_is_found_in_what_valgrind_says() {
        let said = "==1== Events    : Ir\n==1== Collected : 1377534\n==1== I refs: 1,377,534\n";
        assert_eq!(total(said), Some(1_377_534));
        assert_eq!(total("==1== Events    : Ir\n"), None);
    }

    #[test]
    fn what_is_kept_is_read_as_it_was_written() {
        let all = figures(&[("create+drop/shm", 13601.0), ("write lock+unlock", 57.5)]);
        assert_eq!(read(&written(&all).unwrap()).unwrap(), all);
        assert!(written(&figures(&[("\"", 1.0)])).is_err());
        assert!(read("compiler = 1").is_err());
    }

    #[test]
    fn a_change_is_told_in_percent() {
        assert_eq!(change(110.0, Some(100.0)), "+10.0 %");
        assert_eq!(change(90.0, Some(100.0)), "-10.0 %");
        assert_eq!(change(100.2, Some(100.0)), "same");
        assert_eq!((change(1.0, None), change(1.0, Some(0.0))), ("new".into(), "new".into()));
    }

    #[test]
    fn another_compiler_is_told() {
        let (now, before) = (figures(&[("a", 2.0), ("b", 3.0)]), figures(&[("a", 1.0)]));
        let before = Figures { compiler: "rustc 0".into(), ..before };
        let text = told(&now, Some(&before));
        assert!(text.contains("+100.0 %") && text.contains("new"), "{text}");
        assert!(text.contains("kept of rustc 0, now rustc 1") && !text.contains("valgrind-3"));
    }
}
