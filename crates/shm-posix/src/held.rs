//! What this process still has when it ends by `exit(3)`: arrays in a static, forgotten, or on a stack
//! that is not unwound.
//!
//! Nobody drops them. Their names are given up here, as far as that disturbs nobody: other threads may
//! still run, so nothing is unmapped; forked children may share what this process holds.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use shm_core::Result;
use shm_presence::fork::ForkSafe;
use shm_presence::leave;

use crate::segment::Inner;

/// By address.
static HELD: ForkSafe<BTreeMap<usize, Weak<Inner>>> = ForkSafe::new(BTreeMap::new());

/// Remembers a segment until it is [forgotten](forget).
pub(crate) fn remember(segment: &Arc<Inner>) {
    let (at, segment) = (Arc::as_ptr(segment).addr(), Arc::downgrade(segment));
    HELD.with(|held| held.insert(at, segment));
}

/// Forgets a segment that is being dropped.
pub(crate) fn forget(segment: &Inner) {
    let at = std::ptr::from_ref(segment).addr();
    HELD.with(|held| held.remove(&at));
}

/// Gives up the names of all segments that this process alone has.
pub(crate) fn give_up() {
    for segment in HELD.with(std::mem::take).into_values() {
        let Some(segment) = segment.upgrade() else { continue };
        match leave_at_once(&segment) {
            Ok(false) => {}
            Ok(true) => tracing::debug!(?segment, "the name stays, as others may have the segment"),
            Err(error) => tracing::debug!(?segment, %error, "the name stays until it is collected"),
        }
        std::mem::forget(segment); // it may be the last: other threads drop theirs
    }
}

/// Leaves a segment without unmapping it. Tells whether others may have it.
fn leave_at_once(segment: &Inner) -> Result<bool> {
    if !segment.membership().removes_name() {
        return Ok(false);
    }
    if segment.is_shared() {
        return Ok(true);
    }
    leave(segment.file())?;
    segment.membership().remove_if_last_at_once()
}
