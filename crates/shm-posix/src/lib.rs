//! Named shared memory (`shm`): any process of the same user attaches by name.
//!
//! On Linux a segment is a file in `/dev/shm`, of mode `0600`. It is made unnamed, sized, its
//! memory reserved, its header and contents written and its presence lock taken, and only then
//! published in one step; so nobody ever sees a half-made array, and a crash before that leaves
//! nothing. The last one out removes the name, unless the array is to persist.
//!
//! This crate does not choose a backend, knows no element types and makes no view: see
//! `shmarray` for that. Other systems will be modules beside `os/linux`.
//!
//! - `backend.rs`: create, attach and delete;
//! - `segment.rs`: a segment that this process has, and how it leaves it;
//! - `publish.rs`: giving a segment its name;
//! - `names.rs`: everything that changes what a name means;
//! - `deferred.rs`: leaving a segment, and names that were left to forked children;
//! - `at_exit.rs`: what is left to drop when the process ends by `exit`;
//! - `collect.rs`: garbage, which kills leave; `sweep.rs`: collects some with each create;
//! - `raw.rs`: segments without a header, which other programs make and understand;
//! - `os/linux/directory.rs`: what a name leads to, and what is refused there;
//! - `os/linux/unpublished.rs`: a segment before and while it is published.
//!
//! See `shm_overview(7)`, open(2) `O_TMPFILE`, linkat(2).
#![deny(unsafe_code)]

mod at_exit;
mod backend;
mod collect;
mod deferred;
mod names;
mod os;
mod publish;
mod publish_by;
mod raw;
mod segment;
mod sweep;

pub use backend::{NameOrFd, Posix};
pub use collect::{Abandoned, Uncollected};
pub use publish_by::Publish;
pub use raw::RawSegment;
pub use segment::PosixSegment;
