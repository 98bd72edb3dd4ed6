//! Giving a segment its name, in one step that others see whole.

use shm_core::{BackendKind, ErrorKind, Result};
use shm_presence::wait_until;

use crate::names::{LockedName, collect_orphan, is_being_asked};
use crate::os::{SegmentPath, Unpublished};

/// Gives a segment its name; with `force`, takes the name from whatever bears it.
pub(crate) fn give_name(unpublished: &Unpublished, place: &SegmentPath, force: bool) -> Result<()> {
    if force { replace(unpublished, place) } else { publish(unpublished, place) }
}

/// Gives it its name, unless the name is taken by more than an orphan. A process that asks whether it
/// is one is waited for.
fn publish(unpublished: &Unpublished, place: &SegmentPath) -> Result<()> {
    let mut linked = false;
    let attempt = || {
        linked = unpublished.link(place)?;
        if !linked && collect_orphan(place) {
            linked = unpublished.link(place)?;
        }
        Ok(linked || !is_being_asked(place))
    };
    let holder = "a process that checks whether anybody is attached";
    wait_until(|| place.to_string(), holder, attempt)?;
    if !linked {
        let name = place.name().into();
        return Err(ErrorKind::AlreadyExists { name, backend: BackendKind::Shm }.into());
    }
    Ok(())
}

/// Gives it its name, and takes the name from whatever bears it.
fn replace(unpublished: &Unpublished, place: &SegmentPath) -> Result<()> {
    let attempt = || {
        if unpublished.link(place)? {
            return Ok(true);
        }
        let Some(_predecessor) = LockedName::lock(place)? else {
            return Ok(false);
        };
        unpublished.rename_over(place)?;
        Ok(true)
    };
    wait_until(|| place.to_string(), "processes that replace it without end", attempt)
}
