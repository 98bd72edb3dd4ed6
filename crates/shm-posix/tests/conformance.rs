//! The suite of all backends, on this one, for both ways to publish.

use std::os::fd::OwnedFd;

use shm_conformance::{AttachedOf, HandoverHarness, Harness, NamedHarness, leaks};
use shm_core::{Name, Segment};
use shm_posix::{Posix, Publish, Source};

/// The same promises, however a segment is published.
macro_rules! harness {
    ($name:ident, $module:ident) => {
        struct $name;

        impl Harness for $name {
            type Backend = Posix;

            fn backend() -> Posix {
                Posix::with_publish(Publish::$name)
            }

            fn source(attached: &AttachedOf<Self>) -> Source {
                Source::Name(attached.segment.header().name().clone())
            }

            fn leftovers(name: &Name) -> Vec<String> {
                leaks::entries().into_iter().filter(|entry| entry == name.as_str()).collect()
            }
        }

        impl NamedHarness for $name {
            fn source_of(name: &Name) -> Source {
                Source::Name(name.clone())
            }
        }

        impl HandoverHarness for $name {
            fn source_of_fd(fd: OwnedFd, name: &Name) -> Source {
                Source::Fd(fd, name.clone())
            }
        }

        mod $module {
            use super::$name;

            shm_conformance::suite!($name);
            shm_conformance::named_suite!($name);
            shm_conformance::handover_suite!($name);
        }
    };
}

harness!(Unnamed, unnamed);
harness!(Temporary, temporary);
