//! This backend, as the suite of all backends sees it: once for each way to publish.

use std::os::fd::OwnedFd;

use shm_conformance::{AttachedOf, HandoverHarness, Harness, NamedHarness, leaks};
use shm_core::{Name, Segment};
use shm_posix::{NameOrFd, Posix, Publish};

macro_rules! harness {
    ($name:ident) => {
        pub(crate) struct $name;

        impl Harness for $name {
            type Backend = Posix;

            fn backend() -> Posix {
                Posix::with_publish(Publish::$name)
            }

            fn source(attached: &AttachedOf<Self>) -> NameOrFd {
                NameOrFd::Name(attached.segment.header().name().clone())
            }

            fn leftovers(name: &Name) -> Vec<String> {
                leaks::entries().into_iter().filter(|entry| entry == name.as_str()).collect()
            }
        }

        impl NamedHarness for $name {
            fn source_of(name: &Name) -> NameOrFd {
                NameOrFd::Name(name.clone())
            }
        }

        impl HandoverHarness for $name {
            fn source_of_fd(fd: OwnedFd, name: &Name) -> NameOrFd {
                NameOrFd::Fd(fd.into(), name.clone())
            }
        }
    };
}

harness!(Unnamed);
harness!(Temporary);
