//! What files need of the operating system, in words that every system has.
//!
//! A system has one file below this folder. It opens files without waiting, makes files without a
//! name, gives them one, and tells how long a file may become.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
use elsewhere as system;
#[cfg(target_os = "linux")]
use linux as system;

pub(crate) use system::{
    FILE_SIZE_LIMIT, is_link_refused, keep_owner, largest_file, link, open_at_once, read_at,
    unnamed,
};
