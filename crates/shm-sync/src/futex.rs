//! The system for real: futexes on shared memory, and the kernel's word on who lives.
#![allow(unsafe_code)] // takes the address of half a word, for the kernel

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::Duration;

use rustix::io::Errno;
use rustix::thread::futex::{Flags, wait_bitset, wake_bitset};
use rustix::time::{ClockId, Timespec, clock_gettime};
use shm_core::{Error, Result};
use shm_presence::{Owner, is_held};

use crate::SharedWords;
use crate::atomic::Ordering::SeqCst;
use crate::system::{Liveness, Sleep, Whom};
use crate::words::low_half;

/// The kernel, for sleeping and waking.
pub(crate) struct Futex;

impl Sleep for Futex {
    fn wait(&self, word: &AtomicU64, seen: u64, whom: Whom, until: Duration) -> Result<bool> {
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

    fn now(&self) -> Duration {
        let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
        Duration::new(tv_sec.unsigned_abs(), u32::try_from(tv_nsec).unwrap_or(0))
    }

    fn wake(&self, word: &AtomicU64, whom: Whom, count: u32) {
        let count = count.min(i32::MAX.unsigned_abs());
        // Who is not woken looks again by itself before long.
        if let Err(error) = wake_bitset(half(word), Flags::empty(), count, mask(whom)) {
            tracing::warn!(%error, "futex(FUTEX_WAKE_BITSET)");
        }
    }
}

/// The kernel, as an attachment reaches it.
impl<A: SharedWords> Sleep for A {
    fn wait(&self, word: &AtomicU64, seen: u64, whom: Whom, until: Duration) -> Result<bool> {
        Futex.wait(word, seen, whom, until)
    }

    fn now(&self) -> Duration {
        Futex.now()
    }

    fn wake(&self, word: &AtomicU64, whom: Whom, count: u32) {
        Futex.wake(word, whom, count);
    }
}

impl<A: SharedWords> Liveness for A {
    fn is_alive(&self, owner: Owner) -> Result<bool> {
        let Some(line) = self.words().lines().get(owner.slot() as usize) else { return Ok(false) };
        if low_half(line.holder.load(SeqCst)) != owner.generation() {
            return Ok(false);
        }
        is_held(self.slot_locks()?, owner.slot())
    }
}

fn mask(whom: Whom) -> NonZeroU32 {
    match whom {
        Whom::Writers => NonZeroU32::MIN,
        Whom::Readers => NonZeroU32::MIN.saturating_add(1),
    }
}

/// The half that a futex looks at: the low one.
fn half(word: &AtomicU64) -> &AtomicU32 {
    let halves = std::ptr::from_ref(word).cast::<AtomicU32>();
    let low = halves.wrapping_add(usize::from(cfg!(target_endian = "big")));
    // SAFETY: it lies within the word, which is aligned to 8 bytes and lives as long; an
    // AtomicU32 may have any bits. It is used for its address only: no access of this program
    // mixes sizes.
    unsafe { &*low }
}
