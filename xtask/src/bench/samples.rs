//! The measurements of one contender, round by round.

use std::time::Duration;

/// Nanoseconds: a shorter operation is measured in several processes of a round.
pub(crate) const SHORT: f64 = 50e3;

/// The measurements of one contender.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Samples {
    /// Nanoseconds of one operation, for each round, and in it for each process.
    pub(crate) rounds: Vec<Vec<f64>>,
    /// Why the contender has no figures. It was not measured again after that.
    pub(crate) error: Option<String>,
    /// Its notes for readers, each once.
    pub(crate) notes: Vec<String>,
    /// The time of all its processes in the last round.
    pub(crate) spent: Duration,
}

impl Samples {
    /// Whether the last figure says that the operation is a short one.
    pub(crate) fn is_short(&self) -> bool {
        self.rounds.iter().flatten().next_back().is_some_and(|ns| *ns < SHORT)
    }
}
