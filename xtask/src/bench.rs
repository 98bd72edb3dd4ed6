//! `cargo xtask bench`: ours beside the bare system calls and beside what people use.
//!
//! - `contest.rs`: how the programs that measure are asked;
//! - `rounds.rs`: the order of measurements, each in a process of its own; `interrupt.rs`: Ctrl-C;
//! - `samples.rs`: what each contender took;
//! - `outcome.rs`: medians, ratios and goals, which are kept as JSON; `machine.rs`: where they are from;
//! - `table.rs`, `plot/`, `text.rs`: the same for readers;
//! - `python.rs`: `--python`; `huge.rs`: `--huge`; `instructions.rs`: `--instructions`.

mod contest;
#[cfg(test)]
mod fixture;
mod huge;
mod instructions;
mod interrupt;
mod machine;
mod outcome;
mod plot;
mod python;
mod rounds;
mod samples;
mod table;
mod text;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cargo::{Built, Cargo};
use contest::{Program, Row};
use huge::Huge;
use interrupt::Interrupt;
use machine::{About, Machine};
use outcome::{Line, Outcome};
use python::Python;
use rounds::Plan;

/// Where the outcome of a whole run is kept.
const KEPT: &str = "docs/performance";

/// The plots: their files, and what they show.
const PLOTS: [(&str, &str); 2] = [
    ("ratios.svg", "Times of ours and of the peers, as multiples of the floor"),
    ("throughput.svg", "GiB/s of ours, the floor and the peers"),
];

/// Rounds, if not said: of a run that is kept, and of a quick one.
const ROUNDS: [usize; 2] = [7, 2];

/// What is measured, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only rows whose key or title contains this; the outcome is written below the target directory
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// How often each contender is measured: at least 7, but for --quick [default: 7]. Where a goal lies
    /// between the quartiles of its ratio, those whom it is about are measured twice as often
    #[arg(long)]
    rounds: Option<usize>,
    /// In each measurement operations are repeated until they take about so many milliseconds
    #[arg(long, default_value_t = 50, value_name = "N")]
    millis: u64,
    /// Two rounds, if not said; the outcome is written below the target directory
    #[arg(long)]
    quick: bool,
    /// Also peers from Python, in an environment of their own below the target directory. Only a run of
    /// all rows with --python and --huge is kept in docs/performance
    #[arg(long)]
    python: bool,
    /// Rows of ordinary pages, then those of huge ones: sets whether there are any (needs root)
    #[arg(long)]
    huge: bool,
    /// Measure nothing: make page and plots anew of docs/performance/bench.json
    #[arg(long, exclusive = true)]
    redraw: bool,
    /// Measure nothing: count the instructions of our hot paths, beside those that are kept (needs
    /// valgrind)
    #[arg(long, conflicts_with_all = ["rounds", "millis", "quick", "python", "huge"])]
    instructions: bool,
    /// Keep these counts in benches/instructions.toml
    #[arg(long, requires = "instructions")]
    keep: bool,
}

impl Options {
    fn rounds(&self) -> Result<usize> {
        let [whole, quick] = ROUNDS;
        let rounds = self.rounds.unwrap_or(if self.quick { quick } else { whole });
        ensure!(rounds > 0, "no rounds");
        ensure!(self.quick || rounds >= whole, "at least {whole} rounds, if not `--quick`");
        Ok(rounds)
    }

    /// Whether the outcome is one to be kept beside the documentation.
    fn is_whole(&self) -> bool {
        self.redraw || self.filter.is_none() && !self.quick && self.python && self.huge
    }

    fn wants(&self, row: &Row) -> bool {
        let Some(text) = &self.filter else { return true };
        row.key.contains(text) || row.title.contains(text)
    }
}

/// Measures, prints the ratios, and writes everything down.
pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    if options.instructions {
        return instructions::run(options.filter.as_deref(), options.keep);
    }
    let cargo = Cargo::new()?;
    let kept = cargo.root().join(KEPT);
    let folder = if options.is_whole() { kept } else { cargo.target().join("bench") };
    let outcome = if options.redraw {
        Outcome::read(&folder.join("bench.json"))?
    } else {
        measured(&cargo, options)?
    };
    table::print(&outcome);
    let written = write(&outcome, &folder)?;
    println!("\nwritten: {}", written.join(", "));
    let ([met, missed], [own, peers]) = (outcome.goals(), outcome.failures());
    let left_out = outcome.rows.iter().filter(|line| line.not_ready.is_some()).count();
    println!("{met} goals met, {missed} missed, {left_out} rows left out, {peers} peers failed");
    if own > 0 {
        println!("{own} contenders failed that are ours or a floor");
    }
    Ok(if own == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn measured(cargo: &Cargo, options: &Options) -> Result<Outcome> {
    let plan = Plan::new(options.rounds()?, options.millis);
    let mut machine = Machine::here()?;
    let warnings: Vec<_> = machine::load_warning(machine.cores)?.into_iter().collect();
    warnings.iter().for_each(|warning| println!("warning: {warning}"));
    let bar = ProgressBar::new(0);
    bar.set_style(ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}")?);
    bar.enable_steady_tick(Duration::from_secs(1));
    let contest = built(cargo, &bar)?;
    let folder = contest.parent().context("`contest` is in no folder")?;
    let python = options.python.then(|| Python::install(cargo, folder, &bar)).transpose()?;
    let plain = |contest: &Path| Program::new(contest, &[]);
    let style = "{spinner} {elapsed} {bar:24} {pos}/{len} (about {eta} left) {prefix}: {wide_msg}";
    bar.set_style(ProgressStyle::with_template(style)?);

    let interrupt = Interrupt::watch()?;
    let huge = options.huge.then(Huge::keep).transpose()?;
    let mut lines: Vec<Line> = Vec::new();
    for setting in if huge.is_some() { &huge::SETTINGS[..] } else { &[""] } {
        huge.as_ref().map(|huge| huge.set(setting)).transpose()?;
        let program = if *setting == huge::ASKED {
            huge::gather()?;
            huge::mounted(&contest)
        } else {
            plain(&contest)
        };
        let mut rows = listed(&Rc::new(program), python.as_ref(), options, lines.is_empty())?;
        // Rows that ran under another setting do not run again.
        let ran = |row: &Row| lines.iter().any(|line| line.key == row.key && line.ran());
        rows.retain(|row| !ran(row));
        bar.reset();
        bar.set_length(plan.steps(&rows) as u64);
        let samples = plan.run(&rows, &interrupt, &bar)?;
        for (row, samples) in rows.iter().zip(samples) {
            let line = Line::new(row, samples);
            match lines.iter_mut().find(|line| line.key == row.key) {
                Some(there) => *there = line,
                None => lines.push(line),
            }
        }
    }
    if huge.is_some() {
        machine.huge_pages = huge::SETTINGS.join(", then ");
    }
    drop(huge);
    bar.finish_and_clear();

    let about = About {
        date: machine::said(Command::new("date").args(["--utc", "+%F"]))?,
        command: command(std::env::args().skip(1)),
        rounds: plan.rounds,
        millis: plan.millis,
        each_millis: plan.each_millis(),
        machine,
        compiler: machine::said(Command::new("rustc").arg("--version"))?,
        python: python.map(|python| python.about),
        warnings,
    };
    Ok(Outcome { about, rows: lines })
}

/// The rows that the options ask for, with all their contenders.
fn listed(
    contest: &Rc<Program>,
    python: Option<&Python>,
    options: &Options,
    is_first: bool,
) -> Result<Vec<Row>> {
    let mut rows = contest::rows(contest)?;
    let unknown = python.map(|python| python.join(&mut rows)).transpose()?.unwrap_or_default();
    for key in unknown.iter().filter(|_| is_first) {
        println!("warning: benches/python/peers.py knows {key}, which is no row");
    }
    rows.retain(|row| options.wants(row));
    ensure!(!rows.is_empty(), "no row is called so: they are named in benches/src/rows");
    Ok(rows)
}

/// The program that measures, with all its peers.
fn built(cargo: &Cargo, bar: &ProgressBar) -> Result<PathBuf> {
    let args = ["build", "--release", "--all-features", "--package", "shmarray-bench"];
    let args = [&args[..], &["--bin", "contest"]].concat();
    let Built { finished, executable, .. } = cargo.build(&args, "contest", bar)?;
    if !finished.status.success() {
        bail!("cargo build: {}\n{}", finished.status, finished.output);
    }
    executable.context("cargo built no `contest`")
}

/// What was typed, as a shell reads it.
fn command(arguments: impl Iterator<Item = String>) -> String {
    let plain = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || "-_/=.".contains(c));
    let quoted = |word: String| if plain(&word) { word } else { format!("'{word}'") };
    let words = ["cargo", "xtask"].map(String::from).into_iter().chain(arguments.map(quoted));
    words.collect::<Vec<_>>().join(" ")
}

/// Writes JSON, page and plots; their paths are given back.
fn write(outcome: &Outcome, folder: &Path) -> Result<Vec<String>> {
    let [(ratios, _), (throughput, _)] = PLOTS;
    let files = [
        ("bench.json", outcome.write()?),
        ("bench.md", table::markdown(outcome)),
        (ratios, plot::ratios(outcome)),
        (throughput, plot::throughput(outcome)),
    ];
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut written = Vec::new();
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| path.display().to_string())?;
        written.push(path.display().to_string());
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_typed_again() {
        let words = ["bench", "--filter", "attach by name", "--python"].map(String::from);
        let typed = command(words.into_iter());
        assert_eq!(typed, "cargo xtask bench --filter 'attach by name' --python");
    }

    #[test]
    fn all_files_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("performance");
        let line = fixture::line("a/b", &[("ours", 110.0), ("floor", 100.0), ("x", 440.0)]);
        let outcome = fixture::outcome(vec![line]);
        let written = write(&outcome, &folder).unwrap();
        assert_eq!(written.len(), 4);
        assert_eq!(Outcome::read(&folder.join("bench.json")).unwrap(), outcome);
    }

    #[test]
    fn the_kept_page_is_that_of_the_kept_figures() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(KEPT);
        let outcome = Outcome::read(&folder.join("bench.json")).unwrap();
        let page = fs::read_to_string(folder.join("bench.md")).unwrap();
        assert_eq!(table::markdown(&outcome), page);
    }
}
