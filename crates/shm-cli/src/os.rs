//! The operating system, in words that every system has.
//!
//! A system has one file below this folder, and a folder for what is long: what `doctor` looks at,
//! and the terminal.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
use linux as system;

pub(crate) use system::{
    DIRECTORY, Event, FileId, Terminal, arguments, current_user, entry_path, entry_shown_as,
    file_id, findings, has_process, largest_file, remove_entry, terminal_size, try_named_segment,
    user_name,
};
