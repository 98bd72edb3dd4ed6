//! The machine as data: what a choice rests on.

use std::fmt;

use shm_core::BackendKind;
use shm_map::Cgroup;

use crate::os::SHM_PLACE;
use crate::space::Space;

/// What is known about this machine and this build.
///
/// [`probe`](crate::probe()) reads them; tests make them up, so that each choice can be tested on any
/// machine. Figures that decide nothing are there for the explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    /// The operating system, as in [`std::env::consts::OS`].
    pub os: &'static str,
    /// Whether each backend can be used. A backend that is not listed is not compiled in.
    pub backends: Vec<(BackendKind, Availability)>,
    /// Backends that can be used as far as asking shows, but on which the system refused to make a
    /// segment, with the error. The automatic order passes them over.
    pub refused_to_make: Vec<(BackendKind, String)>,
    /// The space behind `shm` when the process resolved its choice.
    pub shm: Space,
    /// The space behind `shm` when it was last measured: the space that an array has to fit into.
    pub shm_now: Space,
    /// `vm.overcommit_memory` (0, 1 or 2; see proc(5)), where it can be read.
    pub overcommit: Option<u8>,
    /// The tightest memory limit of this process's cgroup, where it can be read.
    ///
    /// It counts for every backend alike, so it decides nothing here. Making a segment asks for it anew,
    /// and refuses what does not fit below the limit.
    pub cgroup: Option<Cgroup>,
}

impl Facts {
    /// Whether a backend can be used.
    pub fn availability(&self, backend: BackendKind) -> &Availability {
        self.backends
            .iter()
            .find(|(listed, _)| *listed == backend)
            .map_or(&Availability::NotCompiled, |(_, availability)| availability)
    }
}

/// Figures only, in one line.
impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; ", self.os)?;
        match self.shm_now {
            Space::Limited { free, total } => {
                write!(f, "{SHM_PLACE} has {free} of {total} bytes free")?;
            }
            Space::Unlimited => write!(f, "{SHM_PLACE} has no limit of its own")?,
            Space::Unmeasured => f.write_str("space for shm not measured")?,
        }
        if let Some(cgroup) = &self.cgroup {
            write!(f, "; {cgroup}")?;
        }
        match self.overcommit {
            Some(mode) => write!(f, "; vm.overcommit_memory is {mode}"),
            None => Ok(()),
        }
    }
}

/// Whether a backend can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Availability {
    /// It works here.
    Works,
    /// This build does not contain it.
    NotCompiled,
    /// This system refuses it, for the reason given.
    Refused(String),
}
