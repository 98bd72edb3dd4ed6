//! A choice and its reasons.

use std::fmt;

use shm_core::BackendKind;

use crate::facts::Facts;
use crate::needs::{Needs, Workers};
use crate::os::SHM_PLACE;
use crate::settings::{MIN_FREE_VARIABLE, SelectedBy};

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
    /// The backend that this array alone did not get, as the array is too large for it.
    pub fn fell_from(&self) -> Option<&Candidate> {
        self.candidates.iter().find(|candidate| {
            self.source == SelectedBy::Automatic
                && matches!(candidate.verdict, Verdict::PassedOver(Why::ArrayTooLarge { .. }))
        })
    }

    /// The choice that is left for this array alone, after its backend turned out to have only
    /// `free` bytes when the array was made: others took the space in between.
    ///
    /// `None` if the backend was asked for, or nothing is left.
    pub fn fall(mut self, free: u64) -> Option<Self> {
        if self.source != SelectedBy::Automatic {
            return None;
        }
        let next = self.candidates.iter().position(|next| next.verdict == Verdict::NotNeeded)?;
        let bytes = self.needs.bytes.unwrap_or_default();
        for candidate in &mut self.candidates {
            if candidate.verdict == Verdict::Taken {
                candidate.verdict = Verdict::PassedOver(Why::ArrayTooLarge { free, bytes });
            }
        }
        self.candidates[next].verdict = Verdict::Taken;
        self.chosen = self.candidates[next].backend;
        Some(self)
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

/// One backend, and the verdict on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// The backend.
    pub backend: BackendKind,
    /// What became of it.
    pub verdict: Verdict,
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.backend, self.verdict)
    }
}

/// What became of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It was chosen.
    Taken,
    /// It would do as well, but another backend goes before it.
    NotNeeded,
    /// It is not chosen, automatically at least.
    PassedOver(Why),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.write_str("taken"),
            Self::NotNeeded => f.write_str("not needed, but would do"),
            Self::PassedOver(why) => why.fmt(f),
        }
    }
}

/// Why a candidate was passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// This build does not contain it.
    NotCompiled {
        /// The cargo feature of `shmarray` that adds it.
        feature: &'static str,
    },
    /// This system refuses it.
    Refused {
        /// The system's reason.
        reason: String,
    },
    /// It reaches forked descendants only, and the workers are spawned.
    NeedsFork,
    /// The space behind `shm` is too small for the process to choose it.
    LowSpace {
        /// Bytes free when the process resolved its choice.
        free: u64,
        /// Bytes that have to be exceeded.
        min_free: u64,
    },
    /// The space behind `shm` is too small for this array.
    ArrayTooLarge {
        /// Bytes free now.
        free: u64,
        /// Bytes of the array's segment.
        bytes: u64,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotCompiled { feature } => {
                write!(f, "not compiled in (feature `{feature}` of shmarray)")
            }
            Self::Refused { reason } => f.write_str(reason),
            Self::NeedsFork => {
                f.write_str("reaches forked descendants only, and the workers are spawned")
            }
            Self::LowSpace { free, min_free } => write!(
                f,
                "{SHM_PLACE} had {free} bytes free; more than {min_free} are asked for \
                 ({MIN_FREE_VARIABLE})"
            ),
            Self::ArrayTooLarge { free, bytes } => {
                write!(f, "{SHM_PLACE} has {free} bytes free; this array needs {bytes}")
            }
        }
    }
}
