//! One cell: the expected outcome, and the real one.

use std::fmt;
use std::process::ExitCode;

use shmarray::{Error, prelude::*};

use crate::{share, traces::Traces};

/// The backends that an array can be asked for.
pub(crate) const BACKENDS: [&str; 4] = ["shm", "mmap", "memfd", "auto"];

/// How the other process comes to be.
pub(crate) const STARTS: [&str; 4] = ["same", "fork", "spawn", "unrelated"];

/// How the other process comes to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// There is none: a second handle in this process.
    Same,
    /// A forked child.
    Fork,
    /// A program that inherits across exec.
    Spawn,
    /// A program that was there before the array was, and is told where it is.
    Unrelated,
}

/// The outcome of a cell, as `cargo xtask test-matrix` reads it.
enum Outcome {
    Pass,
    Refused(Error),
    Skip(Error),
    Fail(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("pass"),
            Self::Refused(error) => write!(f, "refused: {error}"),
            Self::Skip(error) => write!(f, "skip: {error}"),
            Self::Fail(reason) => write!(f, "fail: {reason}"),
        }
    }
}

/// Runs the cell of that name.
pub(crate) fn main(backend: &str, start: &str) -> ExitCode {
    let starts = [Start::Same, Start::Fork, Start::Spawn, Start::Unrelated];
    let start = STARTS.iter().zip(starts).find(|(name, _)| **name == start);
    let kind = match backend {
        "auto" => Ok(None),
        name => name.parse().map(Some),
    };
    let outcome = match (kind, start) {
        (Ok(kind), Some((_, start))) => run(kind, start),
        (Err(error), _) => Outcome::Fail(error.to_string()),
        (_, None) => Outcome::Fail(format!("the start methods are {STARTS:?}")),
    };
    println!("outcome: {outcome}");
    ExitCode::from(u8::from(matches!(outcome, Outcome::Fail(_))))
}

fn run(backend: Option<BackendKind>, start: Start) -> Outcome {
    // The first array opens some files for good: that happens before anything is counted.
    drop(share::create(backend, start, "matrix.first"));
    let tag = format!("matrix.{}.", std::process::id());
    let before = Traces::of(&tag);
    let result = share::share(backend, start, &tag);
    let after = Traces::of(&tag);
    if before != after {
        return Outcome::Fail(format!("left behind: {after:?}, before: {before:?}"));
    }
    judge(result, backend, start)
}

fn judge(result: anyhow::Result<()>, backend: Option<BackendKind>, start: Start) -> Outcome {
    let possible = is_possible(backend, start);
    let error = match result.map_err(anyhow::Error::downcast::<Error>) {
        Ok(()) if possible => return Outcome::Pass,
        Ok(()) => return Outcome::Fail("it should have been refused".to_owned()),
        Err(Err(other)) => return Outcome::Fail(format!("{other:#}")),
        Err(Ok(error)) => error,
    };
    match error.kind() {
        ErrorKind::BackendRefused { .. } if possible => Outcome::Skip(error),
        _ if !possible && is_right(&error, backend) => Outcome::Refused(error),
        _ => Outcome::Fail(error.to_string()),
    }
}

/// Whether this build contains a backend.
fn is_compiled(backend: BackendKind) -> bool {
    let features = [
        ("shm", cfg!(feature = "shm")),
        ("mmap", cfg!(feature = "mmap")),
        ("memfd", cfg!(feature = "memfd")),
    ];
    features.contains(&(backend.feature(), true))
}

/// Whether a backend reaches the other process.
fn is_able(backend: BackendKind, start: Start) -> bool {
    backend != BackendKind::Mmap || matches!(start, Start::Same | Start::Fork)
}

fn is_possible(backend: Option<BackendKind>, start: Start) -> bool {
    let all = BackendKind::ALL.as_slice();
    let candidates = backend.as_ref().map_or(all, std::slice::from_ref);
    candidates.iter().any(|kind| is_compiled(*kind) && is_able(*kind, start))
}

/// Whether an impossible cell was refused for its own reason, and with what can be done about it.
fn is_right(error: &Error, asked: Option<BackendKind>) -> bool {
    let text = error.to_string();
    let names = |words: &[&str]| words.iter().all(|word| text.contains(word));
    match (asked, error.kind()) {
        (Some(asked), ErrorKind::BackendNotCompiled { backend, feature }) => {
            *backend == asked
                && !is_compiled(asked)
                && *feature == asked.feature()
                && names(&[feature])
        }
        (Some(asked), ErrorKind::BackendCannot { backend, .. }) => {
            *backend == asked && is_compiled(asked) && names(&["shm", "memfd"])
        }
        (None, ErrorKind::BackendRefused { .. }) => {
            let missing = BackendKind::ALL.into_iter().filter(|kind| !is_compiled(*kind));
            missing.into_iter().all(|kind| names(&[kind.feature()]))
        }
        _ => false,
    }
}
