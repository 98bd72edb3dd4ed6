//! Named shared memory (`shm`): any process of the same user attaches by name.
//!
//! On Linux a segment is a file in `/dev/shm`, of mode `0600`. It is made unnamed, sized, its
//! memory reserved, its header and contents written and its presence lock taken, and only then
//! published in one step; so nobody ever sees a half-made array, and a crash before that leaves
//! nothing. The last one out removes the name, unless the array is to persist.
//!
//! This crate does not choose a backend, knows no element types and makes no view: see
//! `shmarray` for that. `macOS` and Windows will be a module beside `linux`.
//!
//! - `linux/directory.rs`: what a name leads to, and what is refused there;
//! - `linux/draft.rs`: a segment before and while it is published;
//! - `linux/segment.rs`: a hold on a segment, and how it ends;
//! - `linux/names.rs`: everything that changes what a name means;
//! - `linux/deferred.rs`: leaving a segment, and names that were left to forked children;
//! - `linux/collect.rs`: garbage, which kills leave;
//! - `linux/raw.rs`: segments without a header, which other programs make and understand.
//!
//! See `shm_overview(7)`, open(2) `O_TMPFILE`, linkat(2).
#![deny(unsafe_code)]
#![cfg(target_os = "linux")]

mod linux;

pub use linux::{Abandoned, NameOrFd, Posix, PosixSegment, Publish, RawSegment};
