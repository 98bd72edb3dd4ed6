//! `cargo xtask test-matrix`: everything there is to test, in one table.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cargo::{Built, Cargo};
use crate::cells::{self, BACKENDS, STARTS};
use crate::expected::{self, Expected};
use crate::features::FeatureSet;
use crate::report::{self, Cell, Check, Tally};
use crate::{checks, fuzz, loom, python, python_package, tools, tsan};

/// The package at the root, which holds the matrix test.
const PACKAGE: &str = "shmarray-workspace";

/// Runs the tests and the matrix; `quick` leaves out all feature sets but the full one.
pub(crate) fn run(quick: bool) -> Result<ExitCode> {
    let cargo = Cargo::new()?;
    let path = cargo.root().join(expected::PATH);
    let text = std::fs::read_to_string(path).context(expected::PATH)?;
    let mut matrix = Matrix {
        expected: Expected::parse(&text)?,
        cargo,
        bar: ProgressBar::new_spinner(),
        checks: Vec::new(),
        cells: Vec::new(),
    };
    let style = ProgressStyle::with_template("{spinner} {elapsed} {prefix}: {wide_msg}")?;
    matrix.bar.set_style(style);
    matrix.bar.enable_steady_tick(Duration::from_millis(200));

    matrix.check("strace", |_, bar| tools::strace(bar))?;
    matrix.check("python3", |_, bar| tools::python(bar))?;
    matrix.check("tests of the workspace", checks::workspace)?;
    let sets = if quick { &[FeatureSet::FULL][..] } else { &FeatureSet::ALL };
    if !quick {
        matrix.check("tests of tests/embedding", checks::embedding)?;
        matrix.check(loom::NAME, loom::models)?;
        matrix.check(tsan::NAME, tsan::check)?;
        matrix.check(python::NAME, python::check)?;
        matrix.check(python_package::NAME, python_package::check)?;
        matrix.check("C++", |_, bar| tools::cpp(bar))?;
        matrix.check(fuzz::NAME, fuzz::check)?;
        for set in sets {
            matrix.check(&format!("what {set} pulls in"), |cargo, bar| {
                checks::tree(cargo, *set, bar)
            })?;
            matrix.check(&format!("warnings with {set}"), |cargo, bar| {
                checks::warnings(cargo, *set, bar)
            })?;
        }
    }
    for set in sets {
        matrix.feature_set(*set)?;
    }
    matrix.bar.finish_and_clear();
    let Tally { failed, .. } = report::print(&matrix.checks, &matrix.cells);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Matrix {
    cargo: Cargo,
    expected: Expected,
    bar: ProgressBar,
    checks: Vec<Check>,
    cells: Vec<Cell>,
}

impl Matrix {
    /// Shows the current step: on the progress display, or as a line where there is none.
    fn say(&self, what: &str) {
        if self.bar.is_hidden() {
            println!("{what}");
        }
        self.bar.set_prefix(what.to_owned());
    }

    fn check(
        &mut self,
        what: &str,
        check: impl FnOnce(&Cargo, &ProgressBar) -> Result<Check>,
    ) -> Result<()> {
        self.say(what);
        self.checks.push(check(&self.cargo, &self.bar)?);
        Ok(())
    }

    /// Builds the matrix test once with a feature set, and runs its cells.
    fn feature_set(&mut self, set: FeatureSet) -> Result<()> {
        self.say(&format!("the matrix with {set}"));
        let built = self.build(set)?;
        let check =
            checks::verdict(format!("the matrix test with {set}: builds, no warning"), &built);
        self.checks.push(check);
        let numbered = |names: [&'static str; 4]| names.into_iter().enumerate();
        for (backend, kind) in numbered(BACKENDS) {
            for (start, method) in numbered(STARTS) {
                self.bar.set_message(format!("{kind}, {method}"));
                let outcome = match &built.executable {
                    Some(executable) => cells::run(executable, kind, method)?,
                    None => cells::Outcome::Fail("the test was not built".to_owned()),
                };
                let difference = self.expected.difference(set, kind, start, &outcome);
                self.cells.push(Cell { set, backend, start, outcome, difference });
            }
        }
        Ok(())
    }

    fn build(&self, set: FeatureSet) -> Result<Built> {
        let list = set.list();
        let features = if set == FeatureSet::FULL {
            // The same flags as for the tests of the workspace, so that cargo builds nothing anew.
            &["--workspace", "--all-features"][..]
        } else {
            &["--package", PACKAGE, "--no-default-features", "--features", &list]
        };
        let args = ["test", "--no-run", "--test", "matrix"];
        self.cargo.build(&[&args, features].concat(), "matrix", &self.bar)
    }
}
