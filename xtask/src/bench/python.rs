//! `--python`: peers from Python, as contenders of the rows that are there.

use std::path::Path;
use std::process::Command;
use std::rc::Rc;

use anyhow::{Result, bail};
use indicatif::ProgressBar;
use serde::Deserialize;

use super::contest::{self, Contender, Program, Row};
use super::machine;
use crate::cargo::Cargo;
use crate::{environment, tools};

/// The program, with the protocol of `contest`.
const PEERS: &str = "benches/python/peers.py";

/// What it needs, each in one version.
const PACKAGES: &str = "benches/python/requirements.txt";

/// A row, by its key, and who else does its thing.
#[derive(Deserialize)]
struct More {
    key: String,
    contenders: Vec<Contender>,
}

/// The peers that there are in Python.
pub(crate) struct Python {
    program: Rc<Program>,
    /// Which Python it is, with which packages.
    pub(crate) about: String,
}

impl Python {
    /// Makes its environment below the target directory.
    /// Large files are found, or made, in `folder`, where `contest` has its own.
    pub(crate) fn install(cargo: &Cargo, folder: &Path, bar: &ProgressBar) -> Result<Self> {
        let check = tools::python(bar)?;
        if check.tally.failed > 0 {
            bail!("{}\n{}", check.reason, check.output());
        }
        let python = environment::python(cargo, "bench-python", PACKAGES, bar)?;
        let peers = cargo.root().join(PEERS);
        let about = machine::said(Command::new(&python).arg(&peers).arg("about"))?;
        let before = [&peers, Path::new("--folder"), folder];
        Ok(Self { program: Rc::new(Program::new(&python, &before)), about })
    }

    /// Adds its peers to their rows; says which of its keys no row has.
    pub(crate) fn join(&self, rows: &mut [Row]) -> Result<Vec<String>> {
        Ok(join(rows, contest::parsed(&self.program.list()?)?, &self.program))
    }
}

fn join(rows: &mut [Row], peers: Vec<More>, program: &Rc<Program>) -> Vec<String> {
    let mut unknown = Vec::new();
    for More { key, contenders } in peers {
        let Some(row) = rows.iter_mut().find(|row| row.key == key) else {
            unknown.push(key);
            continue;
        };
        let ours = contenders.into_iter();
        row.contenders.extend(ours.map(|one| Contender { program: Rc::clone(program), ..one }));
    }
    unknown
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn peers_join_their_rows_and_others_are_told() {
        let mut rows = [fixture::row("a/1", &["ours"]), fixture::row("a/2", &["ours"])];
        let lines = "{\"key\":\"a/2\",\"contenders\":[{\"name\":\"x\",\"role\":\"peer\"}]}\n\
                     {\"key\":\"b/1\",\"contenders\":[]}\n";
        let program = Rc::new(Program::new("python".as_ref(), &[]));
        let unknown = join(&mut rows, contest::parsed(lines).unwrap(), &program);
        assert_eq!(unknown, ["b/1"]);
        assert_eq!(rows[0].contenders.len(), 1);
        assert_eq!(rows[1].contenders[1].name, "x");
        assert_eq!(rows[1].contenders[1].program, program);
    }
}
