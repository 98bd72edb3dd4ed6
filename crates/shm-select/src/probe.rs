//! Reads the machine into facts.

use shm_core::BackendKind;

use crate::facts::{Availability, Facts};
use crate::os;
use crate::space::Space;

/// Reads the machine into facts, for a build that contains these backends.
///
/// What the system does not tell is left out of the facts. What it does tell is a guess: only
/// making a segment shows whether a backend works
/// ([`Selector::refused`](crate::Selector::refused)).
///
/// On Linux this is `statvfs` and `access` on `/dev/shm`, one `memfd_create` whose file descriptor
/// is closed at once, and a few small files below `/proc` and `/sys/fs/cgroup`. See statvfs(3),
/// `memfd_create(2)`, proc(5), cgroups(7).
pub fn probe(compiled: &[BackendKind]) -> Facts {
    let availability = |backend| {
        if compiled.contains(&backend) {
            match os::refusal(backend) {
                None => Availability::Works,
                Some(reason) => Availability::Refused(reason),
            }
        } else {
            Availability::NotCompiled
        }
    };
    let space = os::shm_space().unwrap_or(Space::Unmeasured);
    Facts {
        os: std::env::consts::OS,
        backends: BackendKind::ALL.map(|backend| (backend, availability(backend))).to_vec(),
        refused_to_make: Vec::new(),
        shm: space,
        shm_now: space,
        overcommit: os::overcommit(),
        cgroup: shm_map::cgroup(),
    }
}
