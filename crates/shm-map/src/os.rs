//! What this crate asks of the operating system: the only place that differs from one to another.
//!
//! A system is a folder here, with the same functions as the others. They take lengths in bytes and
//! answer with [`io::Result`](std::io::Result). What a refusal means is asked with [`is_full`],
//! [`is_page_refused`] and [`is_unsupported`].
//!
//! - a file's length, memory and bytes: [`set_len`], [`allocate`], [`read_at`], [`write_at`], [`send`];
//! - memory: `map_*`, [`unmap`], [`second_mapping`], [`populate`], and advice about it;
//! - figures: [`allocated`], [`file_system_free`], [`memory_available`], [`memory_total`], limits;
//! - huge pages: their size, how many are free, and what the system's settings allow.

#[cfg(miri)]
mod heap;
mod linux;

#[cfg(miri)]
pub(crate) use heap::*;
#[cfg(not(miri))]
pub(crate) use linux::memory::*;
pub use linux::{
    anchor::Anchor,
    cgroup::cgroup,
    file::BorrowedFile,
    limits::system_error,
    memfd::memfd,
    pages::{HugeFacts, Setting},
};
pub(crate) use linux::{
    file::{
        allocate, allocated, borrow, file_system_free, is_full, is_page_refused, is_unsupported,
        read_at, read_start, send, set_len, write_at,
    },
    limits::{file_size_limit, is_address_space_limited, memory_available, memory_total},
    memfd::unnamed_huge_file,
    pages::{free_pages, page_size, ruling, setting},
};
