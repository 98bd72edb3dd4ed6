//! The suite of all backends, on this one, for both ways to publish.

mod harness;

/// The same promises, however a segment is published.
macro_rules! suites {
    ($name:ident, $module:ident) => {
        mod $module {
            use super::harness::$name;

            shm_conformance::suite!($name);
            shm_conformance::named_suite!($name);
            shm_conformance::handover_suite!($name);
            shm_conformance::identity_suite!($name);
        }
    };
}

suites!(Unnamed, unnamed);
suites!(Temporary, temporary);
