//! Reads the machine.
//!
//! Whatever cannot be read is left out of the facts: a missing or garbled file, or a refused call,
//! is never an error here. Platform code is in the modules below.

use shm_core::BackendKind;

use crate::{Availability, Facts, Space};

#[cfg(target_os = "linux")]
mod cgroup;
#[cfg(target_os = "linux")]
#[path = "probe/linux.rs"]
mod platform;
#[cfg(not(target_os = "linux"))]
#[path = "probe/elsewhere.rs"]
mod platform;

pub(crate) use platform::shm_space;

/// Reads the machine into facts, for a build that contains these backends.
///
/// On Linux this is `statvfs` and `access` on `/dev/shm`, one `memfd_create` whose descriptor is
/// closed at once, and a few small files below `/proc` and `/sys/fs/cgroup`. See statvfs(3),
/// `memfd_create(2)`, proc(5), cgroups(7).
pub fn probe(compiled: &[BackendKind]) -> Facts {
    let availability = |backend| {
        if compiled.contains(&backend) {
            match platform::refusal(backend) {
                None => Availability::Works,
                Some(reason) => Availability::Refused(reason),
            }
        } else {
            Availability::NotCompiled
        }
    };
    let space = shm_space().unwrap_or(Space::Unmeasured);
    Facts {
        os: std::env::consts::OS,
        backends: BackendKind::ALL.map(|backend| (backend, availability(backend))).to_vec(),
        shm: space,
        shm_now: space,
        overcommit: platform::overcommit(),
        cgroup: platform::cgroup(),
    }
}
