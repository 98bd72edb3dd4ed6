//! The choice, as a pure function: it makes no system call, reads no environment and keeps no state.

use shm_core::{BackendKind, Error, ErrorKind, Result};

use crate::facts::{Availability, Facts};
use crate::needs::{Needs, Workers};
use crate::refusal::Reach;
use crate::selection::Selection;
use crate::settings::{SelectedBy, Settings};
use crate::verdict::{Candidate, Verdict, Why, nothing_left};

/// Chooses a backend. See the [crate] for who decides and in which order.
///
/// # Errors
/// If the array, the environment or the process asks for a backend:
/// [`ErrorKind::BackendNotCompiled`], [`ErrorKind::BackendRefused`] with the system's reason, or
/// [`ErrorKind::BackendCannot`] for `mmap` with spawned workers. If the order is automatic and no
/// backend is left: [`ErrorKind::NoSpace`] if `shm` is too small for this array only, and otherwise
/// [`ErrorKind::BackendRefused`] with the reason for each candidate; [`ErrorKind::NoNames`] if only
/// backends without names are left and the array [needs](Needs::named) one.
pub fn choose(facts: &Facts, settings: &Settings, needs: &Needs) -> Result<Selection> {
    let asked = match needs.backend {
        Some(backend) => Some((backend, SelectedBy::Named)),
        None => settings.explicit(),
    };
    let judged = order(needs).map(|backend| {
        let why = impossible(facts, needs, backend)
            .or_else(|| unwanted(facts, needs, backend))
            .or_else(|| too_small(facts, settings, needs, backend));
        (backend, why)
    });
    let (chosen, source) = match asked {
        Some((backend, source)) => match impossible(facts, needs, backend) {
            None => (Some(backend), source),
            Some(why) => return Err(refusal(backend, &why)),
        },
        None => {
            let first = judged.iter().find(|(_, why)| why.is_none());
            (first.map(|(backend, _)| *backend), SelectedBy::Automatic)
        }
    };
    let candidate = |(backend, why)| Candidate {
        backend,
        verdict: match why {
            _ if Some(backend) == chosen => Verdict::Taken,
            None => Verdict::NotNeeded,
            Some(why) => Verdict::PassedOver(why),
        },
    };
    let candidates = judged.map(candidate).to_vec();
    let Some(chosen) = chosen else { return Err(nothing_left(&candidates)) };
    Ok(Selection { chosen, source, candidates, needs: *needs, facts: facts.clone() })
}

/// The order of choice. It lists `mmap` for spawned workers too, so that `mmap` gets its verdict.
fn order(needs: &Needs) -> [BackendKind; 3] {
    use BackendKind::{Memfd, Mmap, Shm};
    match needs.workers {
        Workers::Forked => [Shm, Mmap, Memfd],
        Workers::Unknown | Workers::Spawned => [Shm, Memfd, Mmap],
    }
}

/// Why a backend cannot be used, even if the array asks for it.
fn impossible(facts: &Facts, needs: &Needs, backend: BackendKind) -> Option<Why> {
    match facts.availability(backend) {
        Availability::NotCompiled => Some(Why::NotCompiled { feature: backend.feature() }),
        Availability::Refused(reason) => Some(Why::Refused { reason: reason.clone() }),
        Availability::Works => (backend == BackendKind::Mmap && needs.workers == Workers::Spawned)
            .then_some(Why::NeedsFork),
    }
}

/// Why a backend is not chosen automatically, whatever the space: the system refused to make a segment
/// on it, or others could not find the array by its name.
fn unwanted(facts: &Facts, needs: &Needs, backend: BackendKind) -> Option<Why> {
    let refused = facts.refused_to_make.iter().find(|(listed, _)| *listed == backend);
    if let Some((_, reason)) = refused {
        return Some(Why::RefusedToMake { reason: reason.clone(), reach: Reach::Process });
    }
    let has_names = match backend {
        BackendKind::Memfd => false,
        BackendKind::Mmap => needs.workers == Workers::Forked,
        _ => true,
    };
    (needs.named && !has_names).then_some(Why::NoNames)
}

/// Why a backend is not chosen automatically, though it can be used. Only `shm` has a space of its
/// own; the other backends take theirs from the memory of the machine.
fn too_small(
    facts: &Facts,
    settings: &Settings,
    needs: &Needs,
    backend: BackendKind,
) -> Option<Why> {
    if backend != BackendKind::Shm {
        return None;
    }
    let min_free = settings.shm_min_free;
    if let Some(free) = facts.shm.free()
        && free <= min_free
    {
        return Some(Why::LowSpace { free, min_free });
    }
    match (facts.shm_now.free(), needs.bytes) {
        (Some(free), Some(bytes)) if free < bytes => Some(Why::ArrayTooLarge { free, bytes }),
        _ => None,
    }
}

/// The error for a backend that was asked for and cannot be used.
fn refusal(backend: BackendKind, why: &Why) -> Error {
    match why {
        Why::NotCompiled { feature } => ErrorKind::BackendNotCompiled { backend, feature },
        Why::NeedsFork => ErrorKind::BackendCannot {
            operation: "sharing with spawned workers",
            backend,
            reason: "an anonymous mapping reaches forked descendants only",
            able: "shm or memfd",
        },
        why => ErrorKind::BackendRefused { backend, reason: why.to_string() },
    }
    .into()
}

#[cfg(test)]
mod tests;
