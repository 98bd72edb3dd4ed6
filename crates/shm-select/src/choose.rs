//! The choice, as a pure function: it makes no system call, reads no environment and keeps no state.

use shm_core::{BackendKind, Error, ErrorKind, Result};

use crate::facts::{Availability, Facts};
use crate::needs::{Needs, Workers};
use crate::os::SHM_PLACE;
use crate::selection::{Candidate, Selection, Verdict, Why};
use crate::settings::{SelectedBy, Settings};

/// Chooses a backend. See the [crate] for who decides and in which order.
///
/// # Errors
/// If the array, the environment or the process asks for a backend:
/// [`ErrorKind::BackendNotCompiled`], [`ErrorKind::BackendRefused`] with the system's reason, or
/// [`ErrorKind::BackendCannot`] for `mmap` with spawned workers. If the order is automatic and no
/// backend is left: [`ErrorKind::NoSpace`] if `shm` is too small for this array only, and otherwise
/// [`ErrorKind::BackendRefused`] with the reason for each candidate.
pub fn choose(facts: &Facts, settings: &Settings, needs: &Needs) -> Result<Selection> {
    let asked = match needs.backend {
        Some(backend) => Some((backend, SelectedBy::Named)),
        None => settings.explicit(),
    };
    let judged = order(needs).map(|backend| {
        let why = impossible(facts, needs, backend)
            .or_else(|| too_small(facts, settings, needs, backend));
        (backend, why)
    });
    let (chosen, source) = match asked {
        Some((backend, source)) => match impossible(facts, needs, backend) {
            None => (backend, source),
            Some(why) => return Err(refusal(backend, &why)),
        },
        None => match judged.iter().find(|(_, why)| why.is_none()) {
            Some((backend, _)) => (*backend, SelectedBy::Automatic),
            None => return Err(nothing_left(&judged)),
        },
    };
    let candidate = |(backend, why)| Candidate {
        backend,
        verdict: match why {
            _ if backend == chosen => Verdict::Taken,
            None => Verdict::NotNeeded,
            Some(why) => Verdict::PassedOver(why),
        },
    };
    Ok(Selection {
        chosen,
        source,
        candidates: judged.map(candidate).to_vec(),
        needs: *needs,
        facts: facts.clone(),
    })
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

/// The error if the automatic order has come to its end.
fn nothing_left(judged: &[(BackendKind, Option<Why>); 3]) -> Error {
    let [(backend, why), others @ ..] = judged;
    if let Some(Why::ArrayTooLarge { free, bytes }) = why {
        return ErrorKind::NoSpace { needs: *bytes, has: Some(*free), place: SHM_PLACE.into() }
            .into();
    }
    let mut reason: String = why.iter().map(ToString::to_string).collect();
    for (other, why) in others {
        let why: String = why.iter().map(ToString::to_string).collect();
        reason += &format!("; nor does {other}: {why}");
    }
    ErrorKind::BackendRefused { backend: *backend, reason }.into()
}

#[cfg(test)]
mod tests;
