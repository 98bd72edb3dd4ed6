//! A choice and its reasons.

use std::fmt;

use shm_core::BackendKind;

use crate::settings::{BACKEND_VARIABLE, MIN_FREE_VARIABLE};
use crate::{Facts, Needs, Workers};

/// Which backend was chosen, and why. It displays as an explanation of several lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// The backend.
    pub chosen: BackendKind,
    /// Who decided.
    pub source: SelectedBy,
    /// Every backend, in the order of choice.
    pub candidates: Vec<Candidate>,
    /// What the array asked for.
    pub needs: Needs,
    /// What the choice rests on.
    pub facts: Facts,
}

impl Selection {
    /// Why this array alone did not get what it would otherwise have got: it is too large for it.
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

    /// What may go wrong with this choice: `mmap` was the last that was left, and it is not known
    /// whether the workers can reach it.
    pub fn warning(&self) -> Option<&'static str> {
        let last_resort = self.chosen == BackendKind::Mmap
            && self.source == SelectedBy::Automatic
            && self.needs.workers == Workers::Unknown
            && !self.needs.historical;
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
            if self.needs.historical {
                f.write_str(" in the historical order")?;
            }
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

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SelectedBy {
    /// The variable `SHMARRAY_BACKEND`.
    Environment,
    /// The process, for all its arrays.
    Set,
    /// The array names its backend.
    Named,
    /// The automatic order.
    Automatic,
}

impl fmt::Display for SelectedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => write!(f, "as {BACKEND_VARIABLE} asks"),
            Self::Set => f.write_str("as set for this process"),
            Self::Named => f.write_str("as asked for this array"),
            Self::Automatic => f.write_str("chosen automatically"),
        }
    }
}

/// One backend, and what was found about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The backend.
    pub backend: BackendKind,
    /// Whether it was taken.
    pub verdict: Verdict,
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.backend, self.verdict)
    }
}

/// What became of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was chosen.
    Taken,
    /// It would do as well, but another one goes before it.
    NotNeeded,
    /// It does not do, automatically at least.
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
    /// Too little is free in `/dev/shm` for the process to choose it.
    LowSpace {
        /// Bytes free when the process resolved its choice.
        free: u64,
        /// Bytes that have to be exceeded.
        min_free: u64,
    },
    /// Too little is free in `/dev/shm` for this array.
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
                "/dev/shm had {free} bytes free; more than {min_free} are asked for \
                 ({MIN_FREE_VARIABLE})"
            ),
            Self::ArrayTooLarge { free, bytes } => {
                write!(f, "/dev/shm has {free} bytes free; this array needs {bytes}")
            }
        }
    }
}
