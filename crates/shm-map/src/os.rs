//! What this crate asks of the operating system: the only place that differs from one to another.
//!
//! A system is a folder here, with the same functions as the others; one without its own has `elsewhere.rs`,
//! where no segment can be made or mapped. They take lengths in bytes and
//! answer with [`io::Result`](std::io::Result). What a refusal means is asked with [`is_full`],
//! [`is_page_refused`] and [`is_unsupported`].
//!
//! - a file's length, memory and bytes: [`set_len`], [`allocate`], [`read_at`], [`write_at`], [`send`];
//! - memory: `map_*`, [`unmap`], [`second_mapping`], [`populate`], and advice about it;
//! - figures: [`allocated`], [`file_system_free`], [`memory_available`], [`memory_total`], limits;
//! - huge pages: their size, how many are free, and what the system's settings allow.

use std::fs::File;

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(all(target_os = "linux", miri))]
mod heap;
#[cfg(target_os = "linux")]
mod linux;

/// An open file that the caller owns.
pub type BorrowedFile<'a> = &'a File;

#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::*;
#[cfg(not(target_os = "linux"))]
pub use elsewhere::{Anchor, SHM_DIRECTORY, cgroup, system_error, unnamed_file};
#[cfg(all(target_os = "linux", miri))]
pub(crate) use heap::*;
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) use linux::memory::*;
#[cfg(target_os = "linux")]
pub use linux::{
    SHM_DIRECTORY, anchor::Anchor, cgroup::cgroup, limits::system_error, memfd::unnamed_file,
};
#[cfg(target_os = "linux")]
pub(crate) use linux::{
    file::{
        allocate, allocated, file_system_free, is_full, is_missing, is_page_refused, is_quota,
        is_unsupported, len, punch, read_at, read_start, send, set_len, write_at,
    },
    limits::{file_size_limit, is_address_space_limited, memory_available, memory_total},
    pages::{Machine, page_size},
};
