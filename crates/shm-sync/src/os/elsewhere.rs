//! A system on which no thread can sleep on shared memory yet: a wait is an error.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use shm_core::{Error, Result};

use crate::sleep::Whom;

pub(crate) fn sleep_on(_: &AtomicU64, _: u64, _: Whom, _: Duration) -> Result<bool> {
    Err(Error::os("sleeping", "a word of a segment", io::ErrorKind::Unsupported.into()))
}

/// The time since the first call.
pub(crate) fn now() -> Duration {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}

/// No thread sleeps.
pub(crate) fn wake(_: &AtomicU64, _: Whom, _: u32) {}
