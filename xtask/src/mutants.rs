//! `cargo xtask mutants`: for each promise, the code that breaks it, and the test that must see it.
//!
//! - `list.rs`: the mutants, as `xtask/mutants/*.toml` tell them;
//! - `tree.rs`: the copy of the repository that they are applied to;
//! - `trial.rs`: building and running a test against a mutant.

mod list;
mod tree;
mod trial;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cargo::Cargo;
use list::{Mutant, TestRun};
use tree::Tree;
use trial::{Trial, Verdict};

/// Lists the mutants, or shows that the suite fails on each; `names` are those of some, or none for all.
pub(crate) fn run(names: &[String], only_list: bool) -> Result<ExitCode> {
    let cargo = Cargo::new()?;
    let all = list::read(cargo.root())?;
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|mutant| mutant.name != **name))
    {
        bail!("no mutant is called {unknown}: see `cargo xtask mutants --list`");
    }
    let chosen: Vec<_> =
        all.iter().filter(|mutant| names.is_empty() || names.contains(&mutant.name)).collect();
    if only_list {
        print_list(&chosen);
        return Ok(ExitCode::SUCCESS);
    }
    let folder = cargo.target().join("mutants");
    let session = Session {
        tree: Tree::copy(cargo.root(), &folder.join("tree"))?,
        trial: Trial::new(&cargo, &folder)?,
        bar: ProgressBar::new(chosen.len() as u64),
    };
    let style = "{spinner} {elapsed} {bar:24} {pos}/{len} {prefix}: {wide_msg}";
    session.bar.set_style(ProgressStyle::with_template(style)?);
    session.bar.enable_steady_tick(Duration::from_millis(200));
    let start = Instant::now();
    if !session.unmutated(&chosen)? {
        return Ok(ExitCode::FAILURE);
    }
    let mut table = table(["mutant", "promise", "came to", "seconds"]);
    let (mut caught, mut failed) = (0, 0);
    for mutant in chosen {
        let start = Instant::now();
        let verdict = session.mutated(mutant)?;
        *(if verdict.is_caught() { &mut caught } else { &mut failed }) += 1;
        if session.bar.is_hidden() {
            println!("  {verdict}");
        }
        if !verdict.is_caught() {
            session.bar.suspend(|| println!("\n== {}\n{}", mutant.name, verdict.output()));
        }
        let seconds = format!("{:.1}", start.elapsed().as_secs_f64());
        table.add_row([&mutant.name, &mutant.promise, &verdict.to_string(), &seconds]);
        session.bar.inc(1);
    }
    session.bar.finish_and_clear();
    println!("\n{table}\n\n{caught} caught, {failed} not, {:.0} s", start.elapsed().as_secs_f64());
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Session {
    tree: Tree,
    trial: Trial,
    bar: ProgressBar,
}

impl Session {
    /// Shows the current step: on the progress display, or as a line where there is none.
    fn say(&self, what: &str) {
        if self.bar.is_hidden() {
            println!("{what}");
        }
        self.bar.set_prefix(what.to_owned());
    }

    /// Runs each test once as it is: one that fails without a mutant would say nothing with it.
    fn unmutated(&self, mutants: &[&Mutant]) -> Result<bool> {
        let mut runs: BTreeMap<&TestRun, &str> = BTreeMap::new();
        for mutant in mutants {
            runs.entry(&mutant.test).or_insert(&mutant.name);
        }
        let mut passes = true;
        for run in runs.keys() {
            self.say(&format!("unmutated: {run}"));
            match self.trial.run(&self.tree, run, &self.bar)? {
                Verdict::Survived { ran, .. } if ran > 0 => {}
                Verdict::Survived { .. } => {
                    passes = false;
                    self.bar.suspend(|| println!("\n== {run}: no test is called so"));
                }
                verdict => {
                    passes = false;
                    let output = verdict.output();
                    self.bar.suspend(|| println!("\n== {run}, unmutated: {verdict}\n{output}"));
                }
            }
        }
        Ok(passes)
    }

    fn mutated(&self, mutant: &Mutant) -> Result<Verdict> {
        self.say(&mutant.name);
        let applied = match self.tree.apply(mutant) {
            Ok(applied) => applied,
            Err(error) => return Ok(Verdict::DoesNotApply { output: format!("{error:#}") }),
        };
        let verdict = self.trial.run(&self.tree, &mutant.test, &self.bar);
        applied.restore()?;
        verdict
    }
}

fn print_list(mutants: &[&Mutant]) {
    let mut table = table(["mutant", "promise", "file", "test that must fail"]);
    for Mutant { name, promise, file, test, .. } in mutants {
        table.add_row([name, promise, file, &test.to_string()]);
    }
    println!("{table}");
}

fn table<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_header(head);
    table
}
