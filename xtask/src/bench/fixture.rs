//! Rows and outcomes for the tests of this task.

use super::contest::{Contender, Role, Row};
use super::machine::{About, Machine};
use super::outcome::{Figures, Line, Outcome};
use super::samples::Samples;

/// A row of contenders: `ours`, `floor`, and peers.
pub(crate) fn row(key: &str, names: &[&str]) -> Row {
    let contender = |name: &&str| {
        let role = match *name {
            "ours" => Role::Ours,
            "floor" => Role::Floor,
            _ => Role::Peer,
        };
        Contender { name: (*name).to_owned(), role, program: Default::default() }
    };
    Row {
        key: key.into(),
        title: format!("title of {key}"),
        floor: "the same calls, bare".into(),
        bytes: None,
        goal: None,
        not_ready: None,
        contenders: names.iter().map(contender).collect(),
    }
}

/// Samples of contenders, each the same in three rounds.
pub(crate) fn samples(figures: &[f64]) -> Vec<Samples> {
    let each = |figure: &f64| Samples { rounds: vec![vec![*figure]; 3], ..Samples::default() };
    figures.iter().map(each).collect()
}

/// A row with what came of it.
pub(crate) fn line(key: &str, contenders: &[(&str, f64)]) -> Line {
    let (names, figures): (Vec<_>, Vec<_>) = contenders.iter().copied().unzip();
    Line::new(&row(key, &names), samples(&figures))
}

/// Figures of a peer.
pub(crate) fn figures(name: &str, ns: f64) -> Figures {
    line("a/b", &[(name, ns)]).contenders.remove(0)
}

/// A run that came to these.
pub(crate) fn outcome(rows: Vec<Line>) -> Outcome {
    let machine = Machine {
        cores: 2,
        processor: "a processor".into(),
        memory: 24,
        kernel: "Linux 6.18.0 x86_64".into(),
        huge_pages: "never".into(),
    };
    let about = About {
        date: "2026-01-31".into(),
        command: "cargo xtask bench".into(),
        rounds: 3,
        millis: 50,
        each_millis: 10,
        machine,
        compiler: "rustc 1.95.0".into(),
        python: None,
        warnings: vec!["the machine had other things to do".into()],
    };
    Outcome { about, rows }
}
