//! A choice and its reasons.

use std::fmt;

use shm_core::{BackendKind, Error, ErrorKind, Result};
use shm_map::FILE_SYSTEM;

use crate::facts::Facts;
use crate::needs::{Needs, Workers};
use crate::refusal::Reach;
use crate::settings::SelectedBy;
use crate::verdict::{Candidate, Verdict, Why, nothing_left};

/// Which backend was chosen, and why. Its `Display` is an explanation of several lines.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Selection {
    /// The backend.
    pub chosen: BackendKind,
    /// Who decided.
    pub source: SelectedBy,
    /// Every backend, in the order of choice.
    pub candidates: Vec<Candidate>,
    /// What the array asked for.
    pub needs: Needs,
    /// The machine, as the choice saw it.
    pub facts: Facts,
}

impl Selection {
    /// The backend that this array alone did not get: the array is too large for it, or the system
    /// refused to make this one.
    pub fn fell_from(&self) -> Option<&Candidate> {
        self.candidates.iter().find(|candidate| {
            self.source == SelectedBy::Automatic
                && matches!(
                    candidate.verdict,
                    Verdict::PassedOver(
                        Why::ArrayTooLarge { .. } | Why::RefusedToMake { reach: Reach::Array, .. }
                    )
                )
        })
    }

    /// The choice that is left after making the array on the chosen backend failed with this error.
    ///
    /// It never falls from a backend that was asked for, and never to one that these needs forbid. The
    /// caller tries the next backend only if nobody has begun to read or call the array's contents.
    ///
    /// # Errors
    /// The same error, if it is not the [system's refusal](Reach::of), if the backend was asked for, or
    /// if no other is left. [`ErrorKind::NoNames`] with the reason for each candidate, if others are
    /// left that have no names and the array [needs](Needs::named) one.
    pub fn refused(mut self, error: Error) -> Result<Self> {
        let reach = Reach::of(&error).filter(|_| self.source == SelectedBy::Automatic);
        let Some(reach) = reach else { return Err(error) };
        let next = self.candidates.iter().position(|next| next.verdict == Verdict::NotNeeded);
        let why = self.why_refused(&error, reach);
        for candidate in &mut self.candidates {
            if candidate.verdict == Verdict::Taken {
                candidate.verdict = Verdict::PassedOver(why.clone());
            }
        }
        let Some(next) = next else {
            let lacks_names = |one: &Candidate| one.verdict == Verdict::PassedOver(Why::NoNames);
            let is_for_names = self.candidates.iter().any(lacks_names);
            return Err(if is_for_names { nothing_left(&self.candidates) } else { error });
        };
        self.candidates[next].verdict = Verdict::Taken;
        self.chosen = self.candidates[next].backend;
        Ok(self)
    }

    fn why_refused(&self, error: &Error, reach: Reach) -> Why {
        match error.kind() {
            // Figures that contradict the error are no reason.
            ErrorKind::NoSpace { needs, has: Some(free), place }
                if place == FILE_SYSTEM && free < self.needs.bytes.as_ref().unwrap_or(needs) =>
            {
                Why::ArrayTooLarge { free: *free, bytes: self.needs.bytes.unwrap_or(*needs) }
            }
            _ => Why::RefusedToMake { reason: error.to_string(), reach },
        }
    }

    /// What may go wrong with this choice: `mmap` was the last backend left, and it is not known whether
    /// the workers can reach it.
    pub fn warning(&self) -> Option<&'static str> {
        let last_resort = self.chosen == BackendKind::Mmap
            && self.source == SelectedBy::Automatic
            && self.needs.workers == Workers::Unknown;
        last_resort.then_some(
            "mmap reaches forked descendants only, and it is not known that the workers are forked",
        )
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.chosen, self.source)?;
        if self.source == SelectedBy::Automatic {
            write!(f, " for {} workers", self.needs.workers)?;
        }
        if self.fell_from().is_some() {
            f.write_str(", for this array alone")?;
        }
        for candidate in &self.candidates {
            write!(f, "\n  {candidate}")?;
        }
        if let Some(warning) = self.warning() {
            write!(f, "\n  warning: {warning}")?;
        }
        write!(f, "\n  ({})", self.facts)
    }
}
