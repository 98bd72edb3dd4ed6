//! Who is attached, and who is alive: told by the kernel, not by convention.
//!
//! Everything here is a lock on one byte of a segment, far beyond its data, held by an open file
//! description (OFD lock). The kernel drops it with the last reference to that description, however
//! its holders end. This crate maps no segment, and reads and writes none of its bytes.
//!
//! - *presence* ([`join`], [`try_join`], [`leave`], [`try_alone`], [`ask_others`]): a shared lock on one common byte, held
//!   through the description that the data is mapped with;
//! - *name lock* ([`lock_name`], [`unlock_name`]): held by whoever changes what a name means;
//! - *identity* ([`Identity`], [`Owner`], [`is_held`], [`try_slot`]): an exclusive lock on the byte of one slot,
//!   which dies with the address space that took it, whatever forked children live on;
//! - [`fork`]: whether this process is a forked child, and what no fork may interrupt;
//! - [`os`]: the system's part; on Linux also `open` and `reopen`, for a description of one's own;
//! - [`stamp`]: which segment it is, and who makes it when.
//!
//! See fcntl(2), "Open file description locks".
#![deny(unsafe_code)]

mod bytes;
pub mod fork;
mod identity;
pub mod os;
mod owner;
mod presence;
mod stamp;
mod wait;

pub use identity::{Identity, is_held, try_slot};
pub use owner::Owner;
pub use presence::{
    ask_others, is_being_asked, is_name_locked, join, leave, lock_name, try_alone, try_join,
    try_lock_name, unlock_name,
};
pub use stamp::stamp;
pub use wait::{LONGEST_WAIT, pause, wait_until};
