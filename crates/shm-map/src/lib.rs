//! Owns memory mappings, and reserves the memory behind them.
//!
//! This crate is the only caller of `mmap`, `munmap` and `madvise` in shmarray. It knows no names
//! and takes no locks. Whoever calls it says which file, how long, which access; it decides only which
//! pages the memory is in.
//!
//! - [`Mapping`]: a shared mapping of a file, or of anonymous memory;
//! - [`SegmentRegion`]: one that keeps its segment, the [`Region`](shm_core::Region) of every backend;
//! - [`establish`]: makes a new file a segment, with its header, its contents and the memory behind it;
//! - [`commit`]: the same for a file without a header, by [`set_len`] or [`reserve`]: running out of
//!   memory is an error and not a SIGBUS;
//! - [`PagePlan`]: which pages that memory is in, and why;
//! - [`read_header`], [`write_header`]: by `pread` and `pwrite`, never through a mapping;
//! - [`Anchor`]: keeps an open file description for exactly as long as this address space lives;
//! - [`system_error`]: a system's refusal as an error that names the limit that was reached.
#![deny(unsafe_code)]

mod anchor;
mod commit;
mod establish;
mod file;
mod limits;
mod mapping;
mod pages;
mod populate;
mod region;
mod sink;

pub use anchor::Anchor;
pub use commit::commit;
pub use establish::{establish, fill_in_memory};
pub use file::{check_machine, read_header, reserve, reserve_within, set_len, write_header};
pub use limits::system_error;
pub use mapping::Mapping;
pub use pages::{Home, HugeFacts, PagePlan, Setting};
pub use region::SegmentRegion;
