//! The names that a shell may complete.

use std::borrow::Cow;

use clap_complete::engine::CompletionCandidate;
use shm_survey::printable;

/// What other subcommands take, of the arrays there are now. A name that a terminal would not show
/// as it is, is left out.
pub(crate) fn arrays() -> Vec<CompletionCandidate> {
    let places = shm_survey::list().map(|found| found.segments).unwrap_or_default();
    let places = places.iter().map(|segment| segment.locator().to_string());
    let plain = places.filter(|place| matches!(printable(place), Cow::Borrowed(_)));
    plain.map(CompletionCandidate::new).collect()
}
