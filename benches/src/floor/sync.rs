//! A lock and a barrier of futex words in shared memory. They do not survive a death: the lock
//! stays taken, and the barrier waits for ever.
#![allow(unsafe_code)] // words in shared memory

use std::sync::atomic::{
    AtomicU32,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

use rustix::thread::futex::{Flags, wait, wake};

use crate::pair::shared_page;

/// Spins for about as long as another core takes to answer.
const SPINS: u32 = 200;

const FREE: u32 = 0;
const TAKEN: u32 = 1;
const WAITED_FOR: u32 = 2;

/// A mutex of one word: a compare-and-swap to take it, a swap to let it go, and a system call where
/// somebody sleeps.
#[derive(Clone, Copy)]
pub(crate) struct Lock(&'static AtomicU32);

impl Lock {
    pub(crate) fn new() -> Self {
        Self(shared_word())
    }

    #[inline]
    pub(crate) fn lock(self) {
        if self.0.compare_exchange(FREE, TAKEN, Acquire, Relaxed).is_err() {
            self.wait();
        }
    }

    #[cold]
    fn wait(self) {
        for _ in 0..SPINS {
            let is_free = self.0.load(Relaxed) == FREE;
            if is_free && self.0.compare_exchange(FREE, TAKEN, Acquire, Relaxed).is_ok() {
                return;
            }
            std::hint::spin_loop();
        }
        while self.0.swap(WAITED_FOR, Acquire) != FREE {
            let _ = wait(self.0, Flags::empty(), WAITED_FOR, None);
        }
    }

    #[inline]
    pub(crate) fn unlock(self) {
        if self.0.swap(FREE, Release) == WAITED_FOR {
            let _ = wake(self.0, Flags::empty(), 1);
        }
    }

    /// Where it is.
    pub(crate) fn word(self) -> *mut u32 {
        self.0.as_ptr()
    }
}

/// A barrier of two words: how many have come, and the phase, whose lowest bit says that somebody
/// sleeps.
#[derive(Clone, Copy)]
pub(crate) struct Barrier {
    came: &'static AtomicU32,
    phase: &'static AtomicU32,
    size: u32,
    spins: u32,
}

impl Barrier {
    /// A barrier whose members spin before they sleep, or sleep at once.
    pub(crate) fn new(size: u32, spins: bool) -> Self {
        Self {
            came: shared_word(),
            phase: shared_word(),
            size,
            spins: if spins { SPINS } else { 0 },
        }
    }

    pub(crate) fn wait(self) {
        let phase = self.phase.load(Relaxed) | 1;
        if self.came.fetch_add(1, AcqRel) + 1 == self.size {
            self.came.store(0, Relaxed);
            if self.phase.swap(phase.wrapping_add(1), AcqRel) == phase {
                let _ = wake(self.phase, Flags::empty(), i32::MAX.unsigned_abs());
            }
            return;
        }
        let is_over = || self.phase.load(Acquire) | 1 != phase;
        for _ in 0..self.spins {
            if is_over() {
                return;
            }
            std::hint::spin_loop();
        }
        while !is_over() {
            let asleep = self.phase.compare_exchange(phase - 1, phase, AcqRel, Acquire);
            if asleep.is_ok() || asleep == Err(phase) {
                let _ = wait(self.phase, Flags::empty(), phase, None);
            }
        }
    }
}

/// In a page of its own.
fn shared_word() -> &'static AtomicU32 {
    // SAFETY: an aligned page of zeros that is never unmapped.
    unsafe { &*shared_page().cast() }
}
