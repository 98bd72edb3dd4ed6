//! The verdict on each backend, and the error if none of them is left.

use std::fmt;

use shm_core::{BackendKind, Error, ErrorKind};

use crate::os::SHM_PLACE;
use crate::refusal::Reach;
use crate::settings::MIN_FREE_VARIABLE;

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
    /// The probe found nothing wrong, but the system refused to make a segment.
    RefusedToMake {
        /// The error of making it.
        reason: String,
        /// Which arrays it is passed over for.
        reach: Reach,
    },
    /// It reaches forked descendants only, and the workers are spawned.
    NeedsFork,
    /// Others are to find this array by its name, and on this backend these workers cannot.
    NoNames,
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
            Self::RefusedToMake { reason, reach: Reach::Array } => {
                write!(f, "the system refused to make this array: {reason}")
            }
            Self::RefusedToMake { reason, reach: Reach::Process } => {
                write!(f, "the system refused to make an array: {reason}")
            }
            Self::NoNames => f.write_str("these workers cannot find its arrays by name"),
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

/// The error if the automatic order has come to its end.
pub(crate) fn nothing_left(candidates: &[Candidate]) -> Error {
    let whys: Vec<_> = candidates
        .iter()
        .filter_map(|candidate| match &candidate.verdict {
            Verdict::PassedOver(why) => Some((candidate.backend, why)),
            Verdict::Taken | Verdict::NotNeeded => None,
        })
        .collect();
    if whys.iter().any(|(_, why)| **why == Why::NoNames) {
        let reasons: Vec<_> = whys.iter().map(|(one, why)| format!("{one}: {why}")).collect();
        return ErrorKind::NoNames { reason: reasons.join("; ") }.into();
    }
    if let Some((_, Why::ArrayTooLarge { free, bytes })) = whys.first() {
        return ErrorKind::NoSpace { needs: *bytes, has: Some(*free), place: SHM_PLACE.into() }
            .into();
    }
    let backend = candidates.first().map_or(BackendKind::Shm, |candidate| candidate.backend);
    let reasons: Vec<_> =
        whys.iter()
            .map(|(other, why)| {
                if *other == backend { why.to_string() } else { format!("nor does {other}: {why}") }
            })
            .collect();
    ErrorKind::BackendRefused { backend, reason: reasons.join("; ") }.into()
}
