//! What was measured of one contender, round by round.

use std::time::Duration;

/// An operation that takes less is measured in several processes of a round, in nanoseconds.
pub(crate) const SHORT: f64 = 50e3;

/// What was measured of one contender.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Samples {
    /// Nanoseconds of one operation, for each round, and in it for each process.
    pub(crate) rounds: Vec<Vec<f64>>,
    /// Why there is none; it was not asked again.
    pub(crate) error: Option<String>,
    /// What it said of its measurements, each once.
    pub(crate) notes: Vec<String>,
    /// What its processes took in the last round, altogether.
    pub(crate) spent: Duration,
}

impl Samples {
    /// Whether the last figure says that the operation is a short one.
    pub(crate) fn is_short(&self) -> bool {
        self.rounds.iter().flatten().next_back().is_some_and(|ns| *ns < SHORT)
    }
}
