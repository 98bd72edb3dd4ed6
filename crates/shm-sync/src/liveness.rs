//! Whether the owner that a word names is alive. The models have their own answer.

use shm_core::Result;
use shm_presence::Owner;

use crate::sleep::Sleep;

/// A system that knows which owners are alive.
pub(crate) trait Liveness {
    /// Whether that owner is alive, by the kernel's word. An owner of a slot that is not there is not.
    fn is_alive(&self, owner: Owner) -> Result<bool>;
}

/// What the algorithms need: sleeping, waking, and liveness.
pub(crate) trait System: Sleep + Liveness {}

impl<S: Sleep + Liveness> System for S {}
