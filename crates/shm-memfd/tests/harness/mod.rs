//! This backend, as the suite of all backends sees it.

use std::os::fd::OwnedFd;

use shm_conformance::{AttachedOf, HandoverHarness, Harness};
use shm_core::{Handover, Name};
use shm_memfd::{FdOrOrigin, Memfd};

pub(crate) struct Unnamed;

impl Harness for Unnamed {
    type Backend = Memfd;

    fn backend() -> Memfd {
        Memfd
    }

    fn source(attached: &AttachedOf<Self>) -> FdOrOrigin {
        FdOrOrigin::Fd(attached.segment.file().try_clone().unwrap())
    }

    /// A memfd shows its name where it is open or mapped.
    fn leftovers(name: &Name) -> Vec<String> {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let open = std::fs::read_dir("/proc/self/fd").unwrap();
        let open = open.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
        maps.lines()
            .map(String::from)
            .chain(open.map(|target| target.display().to_string()))
            .filter(|line| line.contains(&format!("/memfd:{name}")))
            .collect()
    }
}

impl HandoverHarness for Unnamed {
    fn source_of_fd(fd: OwnedFd, _: &Name) -> FdOrOrigin {
        FdOrOrigin::Fd(fd.into())
    }
}
