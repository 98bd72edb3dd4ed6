//! What a kill in the middle of a replacement leaves: temporary entries that nobody is present in.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use shm_core::{Access, Result};

use super::directory::{DIRECTORY, FileId, Place};
use super::names::remove_if_last;

/// The most entries that are looked at: the rest waits for the next process.
const MOST: usize = 4096;

static DONE: AtomicBool = AtomicBool::new(false);

/// Removes abandoned temporary entries, at the first create of this process.
pub(crate) fn once() {
    if DONE.swap(true, Relaxed) {
        return;
    }
    let Ok(entries) = std::fs::read_dir(DIRECTORY) else {
        return;
    };
    for entry in entries.take(MOST).flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.starts_with(Place::TEMPORARY_PREFIX)
            && let Err(error) = sweep(&Place::entry(name))
        {
            tracing::debug!(name, %error, "a temporary entry stays");
        }
    }
}

fn sweep(place: &Place) -> Result<()> {
    let fd = place.open(Access::ReadOnly)?;
    let file = FileId::from(&place.check(fd.as_fd())?);
    remove_if_last(place, file).map(drop)
}
