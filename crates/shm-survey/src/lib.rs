//! Which shared arrays this machine has, and which processes have them: seen from outside.
//!
//! This crate does not attach and does not map. It reads everything by `pread`, so whatever another
//! process does to a file meanwhile, the worst is an error. It changes nothing, and no process takes it
//! for an attachment.
//!
//! - [`list`]: every segment, in `/dev/shm` and among the files that processes have open;
//! - [`find`], [`find_entry`]: one of them, by what a user calls it; all give a [`SegmentInfo`];
//! - [`holders`]: which processes have which segment open or mapped;
//! - [`printable`]: text from outside, with escapes for control characters.
//!
//! - `locator.rs`: where a segment was found; `segment_info.rs`: what it says of itself;
//! - `listing.rs`, `find.rs`, `holders.rs`: the three questions above;
//! - `file.rs`, `process.rs`: what the operating system answers, as data;
//! - `os`: asks it. Everything above is the same on every system.
//!
//! As long as a [`SegmentInfo`] exists, so does the memory behind it, as with any open file. A segment
//! without a name is found while a process has it open that this user may look into. An anonymous array
//! (`mmap`), which has no file, is never found.
//!
//! See `shm_overview(7)`, proc(5).
#![forbid(unsafe_code)]

mod file;
mod find;
mod holders;
mod listing;
mod locator;
mod os;
mod process;
mod segment_info;
mod text;

pub use find::{find, find_entry};
pub use holders::{Holder, Holders, holders};
pub use listing::{Listing, Unreadable, list};
pub use locator::Locator;
pub use segment_info::SegmentInfo;
pub use shm_sync::{LockState, Participant, WaitState, WaitsFor};
pub use text::printable;
