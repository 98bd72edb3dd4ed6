//! What this process still has when it ends by `exit(3)`: arrays in a static, forgotten, or on a stack
//! that is not unwound.
//!
//! Nobody drops them. Their names are given up here, as far as that disturbs nobody: other threads may
//! still run, so nothing is unmapped; forked children may share what this process holds.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use shm_core::Result;
use shm_presence::fork::ForkSafe;

/// A segment, as far as the end of its process is concerned.
pub(crate) trait AtExit: std::fmt::Debug + Send + Sync {
    /// Leaves it without unmapping it, if only this process has it. Tells whether others may have it.
    fn leave_at_once(&self) -> Result<bool>;
}

/// By address.
static HELD: ForkSafe<BTreeMap<usize, Weak<dyn AtExit>>> = ForkSafe::new(BTreeMap::new());

/// Remembers a segment until it is [forgotten](forget).
pub(crate) fn remember<S: AtExit + 'static>(segment: &Arc<S>) {
    let at = Arc::as_ptr(segment).addr();
    let segment: Weak<S> = Arc::downgrade(segment);
    HELD.with(|held| held.insert(at, segment));
}

/// Forgets a segment that is being dropped.
pub(crate) fn forget<S: AtExit>(segment: &S) {
    let at = std::ptr::from_ref(segment).addr();
    HELD.with(|held| held.remove(&at));
}

/// Gives up the names of all segments that this process alone has.
pub(crate) fn give_up() {
    for segment in HELD.with(std::mem::take).into_values() {
        let Some(segment) = segment.upgrade() else { continue };
        match segment.leave_at_once() {
            Ok(false) => {}
            Ok(true) => tracing::debug!(?segment, "the name stays, as others may have the segment"),
            Err(error) => tracing::debug!(?segment, %error, "the name stays until it is collected"),
        }
        std::mem::forget(segment); // it may be the last: other threads drop theirs
    }
}
