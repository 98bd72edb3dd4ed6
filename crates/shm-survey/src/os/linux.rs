//! Linux: segments in `/dev/shm`, and files that processes have open, by `/proc`.

mod entries;
mod file;
mod processes;

pub(crate) use entries::{entries, entries_device};
pub(crate) use file::{
    entry_owner, has_room_for_more, is_frozen, is_in_use, open_descriptor, open_entry, read_at,
    read_header,
};
pub(crate) use processes::{command, fds, mappings, processes};
