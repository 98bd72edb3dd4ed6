//! Findings about a machine: one line each, with advice.

use serde::Serialize;

/// How good a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be, or only a figure.
    Ok,
    /// A thing that works and could be better.
    Advice,
    /// Something does not work, or a promise is weaker.
    Problem,
    /// A question that the system does not answer.
    Unknown,
}

/// One thing that was looked at. Its fields are those of `shmarray doctor --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) group: &'static str,
    pub(crate) what: String,
    pub(crate) state: State,
    /// The state in words.
    pub(crate) found: String,
    /// The same as a number, in bytes or as a count, where it is one.
    pub(crate) number: Option<u64>,
    /// A remedy, or the consequence.
    pub(crate) advice: Option<String>,
}

impl Finding {
    pub(crate) fn new(
        group: &'static str,
        what: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        let (what, found) = (what.into(), found.into());
        Self { group, what, state: State::Ok, found, number: None, advice: None }
    }

    /// A finding that could not be read.
    pub(crate) fn unknown(group: &'static str, what: impl Into<String>) -> Self {
        Self { state: State::Unknown, ..Self::new(group, what, "unknown") }
    }

    pub(crate) fn number(self, number: Option<u64>) -> Self {
        Self { number, ..self }
    }

    pub(crate) fn advice(self, advice: impl Into<String>) -> Self {
        Self { state: State::Advice, advice: Some(advice.into()), ..self }
    }

    pub(crate) fn problem(self, advice: impl Into<String>) -> Self {
        Self { state: State::Problem, advice: Some(advice.into()), ..self }
    }
}
