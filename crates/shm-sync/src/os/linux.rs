//! Futexes on shared memory. See futex(2).
#![allow(unsafe_code)] // takes the address of half a word, for the kernel

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::futex::{Flags, wait_bitset, wake_bitset};
use rustix::time::{ClockId, Timespec, clock_gettime};
use shm_core::{Error, Result};

use crate::sleep::Whom;
use crate::words::low_half;

/// Sleeps until that time, by [`now`], unless the low half of `word` differs from that of `seen`. It may
/// return early for no reason. Tells whether the time has passed.
pub(crate) fn sleep_on(word: &AtomicU64, seen: u64, whom: Whom, until: Duration) -> Result<bool> {
    // Not FUTEX_PRIVATE_FLAG: it is for processes. A timeout of this call is a point in time.
    let tv_sec = i64::try_from(until.as_secs()).unwrap_or(i64::MAX);
    let until = Timespec { tv_sec, tv_nsec: until.subsec_nanos().into() };
    let half = half(word);
    match wait_bitset(half, Flags::empty(), low_half(seen), Some(&until), mask(whom)) {
        Ok(()) | Err(Errno::AGAIN | Errno::INTR) => Ok(false),
        Err(Errno::TIMEDOUT) => Ok(true),
        Err(errno) => Err(Error::os("futex", "a word of a segment", errno.into())),
    }
}

/// The time since some moment: `CLOCK_MONOTONIC` of `clock_gettime(2)`.
pub(crate) fn now() -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
    Duration::new(tv_sec.unsigned_abs(), u32::try_from(tv_nsec).unwrap_or(0))
}

/// Wakes up to `count` of those who sleep on `word`, in every process.
pub(crate) fn wake(word: &AtomicU64, whom: Whom, count: u32) {
    let count = count.min(i32::MAX.unsigned_abs());
    // A sleeper that is not woken looks again by itself before long.
    if let Err(error) = wake_bitset(half(word), Flags::empty(), count, mask(whom)) {
        tracing::warn!(%error, "futex(FUTEX_WAKE_BITSET)");
    }
}

fn mask(whom: Whom) -> NonZeroU32 {
    match whom {
        Whom::Writers => NonZeroU32::MIN,
        Whom::Readers => NonZeroU32::MIN.saturating_add(1),
    }
}

/// The half of a word that a futex compares: the low one.
fn half(word: &AtomicU64) -> &AtomicU32 {
    let halves = std::ptr::from_ref(word).cast::<AtomicU32>();
    let low = halves.wrapping_add(usize::from(cfg!(target_endian = "big")));
    // SAFETY: it lies within the word, which is aligned to 8 bytes and lives as long; an
    // AtomicU32 may have any bits. It is used for its address only: no access of this program
    // mixes sizes.
    unsafe { &*low }
}
