//! The suite of all backends, on this one.

mod harness;

use harness::Mmap;

shm_conformance::suite!(Mmap);
shm_conformance::named_suite!(Mmap);
shm_conformance::identity_suite!(Mmap);
