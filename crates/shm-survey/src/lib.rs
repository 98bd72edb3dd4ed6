//! What shared arrays there are on this machine, and who has them: seen from outside.
//!
//! It does not attach and does not map: everything is read by `pread`, so nothing that another
//! process does to a file while it is looked at can be more than an error. It changes nothing, and
//! never makes anybody believe that somebody is present.
//!
//! - [`list`]: every segment, in `/dev/shm` and among what processes have open;
//! - [`find`], [`find_entry`]: one of them, by what a user calls it; all give a [`SegmentInfo`];
//! - [`holders`]: which processes have which segment open or mapped;
//! - [`printable`]: text from outside, without what a terminal would obey.
//!
//! - `place.rs`: how a segment is called; `opened.rs`: what is refused there;
//! - `specimen.rs`: what a segment tells; `listing.rs`, `find.rs`: which there are;
//! - `processes.rs`: what `/proc` shows of a process; `people.rs`: the same by segment.
//!
//! As long as a specimen exists, so does the memory behind it, as with any open file. What has no
//! name here is found while a process that this user may look into has it open; an anonymous array
//! (`mmap`), which no file has, is not found at all.
//!
//! See `shm_overview(7)`, proc(5).
#![forbid(unsafe_code)]
#![cfg(target_os = "linux")]

mod find;
mod holders;
mod listing;
mod locator;
mod opened;
mod processes;
mod segment_info;
mod text;

pub use find::{find, find_entry};
pub use holders::{Holder, Holders, holders};
pub use listing::{Listing, Unreadable, list};
pub use locator::Locator;
pub use segment_info::SegmentInfo;
pub use shm_sync::{LockState, Participant};
pub use text::printable;
