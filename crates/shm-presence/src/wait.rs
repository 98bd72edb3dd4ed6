//! Waiting for a lock with a deadline.

use std::time::{Duration, Instant};

use shm_core::{ErrorKind, Result};

use crate::os::sleep;

/// How long to wait for another process that is about to let go. Holders need microseconds; only
/// one that was stopped in the middle takes longer.
pub const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Lets others run for a millisecond, where nothing can be waited for.
pub fn pause() {
    sleep(1_000_000);
}

/// Tries again until it works or [`LONGEST_WAIT`] is over.
///
/// The kernel can wait for an OFD lock, but not with a deadline: a holder that was stopped would
/// stop everybody. So this asks again after ever longer pauses, from 1 microsecond to 1
/// millisecond. Nothing rests on the length of a pause.
///
/// # Errors
/// [`ErrorKind::Busy`] when the time is over; that of `attempt`.
pub fn wait_until(
    object: impl Fn() -> String,
    holder: &'static str,
    mut attempt: impl FnMut() -> Result<bool>,
) -> Result<()> {
    if attempt()? {
        return Ok(());
    }
    let start = Instant::now();
    let mut pause = 1_000;
    while start.elapsed() < LONGEST_WAIT {
        sleep(pause);
        if attempt()? {
            return Ok(());
        }
        pause = (pause * 2).min(1_000_000);
    }
    let waited_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    Err(ErrorKind::Busy { object: object(), holder, waited_ms }.into())
}
