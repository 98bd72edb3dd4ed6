//! The clock, read as fast as it can be, and a pause.
#![allow(unsafe_code)] // asks the clock

use std::time::Duration;

use rustix::thread::{NanosleepRelativeResult, nanosleep};
use rustix::time::Timespec;

/// The time at the last tick of the kernel, some milliseconds ago: to read the clock itself takes
/// several times as long. See `clock_gettime(2)`, `CLOCK_REALTIME_COARSE`.
pub(crate) fn since_1970() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid struct to write to. (rustix does not find the call under valgrind.)
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &raw mut now) };
    // A clock before 1970 counts as 1970.
    let (seconds, nanoseconds) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanoseconds.unwrap_or_default())
}

/// Sleeps for less than a second. A signal makes it shorter.
pub(crate) fn sleep(nanoseconds: u32) {
    let request = Timespec { tv_sec: 0, tv_nsec: nanoseconds.into() };
    let _: NanosleepRelativeResult = nanosleep(&request);
}
