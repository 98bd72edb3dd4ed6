//! Owns memory mappings, and reserves the memory behind them.
//!
//! This crate is the only caller of `mmap`, `munmap` and `madvise` in shmarray. It knows no names
//! and takes no locks. The caller says which file, how long, which access; this crate decides only
//! which pages the memory is in.
//!
//! - [`Mapping`]: a shared mapping of a file, or of anonymous memory;
//! - [`SegmentRegion`]: one that keeps its segment, the [`Region`](shm_core::Region) of every backend;
//! - [`establish`]: makes a new file a segment, with its header, its contents and the memory behind it;
//! - [`commit`]: the same for a file without a header, by [`set_len`] or [`reserve`]: running out of
//!   memory is an error and not a SIGBUS;
//! - [`PagePlan`]: which pages that memory is in, and why;
//! - [`read_header`], [`write_header`]: by `pread` and `pwrite`, never through a mapping;
//! - [`Anchor`]: keeps an open file description for exactly as long as this address space lives;
//! - [`unnamed_file`]: a file without a name; [`FileStat`]: what the system says of a file;
//! - [`cgroup()`]: the memory limit of this process's control group, and what is left below it;
//! - [`system_error`]: a system's refusal as an error that names the limit that was reached.
//!
//! All that depends on the operating system is in `os`.
#![deny(unsafe_code)]

mod cgroup;
mod commit;
mod establish;
mod file;
mod file_stat;
mod header;
mod huge;
mod mapping;
mod os;
mod pages;
mod populate;
mod region;
mod reserve;
mod sink;
mod space;

pub use cgroup::{Cgroup, CgroupVersion};
pub use commit::commit;
pub use establish::{establish, fill_in_memory};
pub use file::{discard, set_len};
pub use file_stat::{FileId, FileStat};
pub use header::{read_header, write_header};
pub use huge::{Home, HugeFacts, Setting};
pub use mapping::Mapping;
pub use os::{Anchor, BorrowedFile, SHM_DIRECTORY, cgroup, system_error, unnamed_file};
pub use pages::PagePlan;
pub use region::SegmentRegion;
pub use reserve::{reserve, reserve_within};
pub use space::{FILE_SYSTEM, check_machine, is_memory_short};
