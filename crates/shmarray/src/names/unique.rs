//! Names that nobody else has.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use shm_core::{Name, Result};

/// A name that no other process, forked or not, has made or will make:
/// `prefix-time and random bits-count`.
///
/// # Errors
/// [`InvalidName`](shm_core::ErrorKind::InvalidName) if no name can begin with that prefix.
pub fn unique_name(prefix: &str) -> Result<Name> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Relaxed);
    Name::new(format!("{prefix}-{}-{count}", shm_presence::stamp().uuid.simple()))
}
