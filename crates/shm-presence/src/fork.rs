//! Whether this process is a forked child, and what no fork may interrupt.
#![allow(unsafe_code)] // what the lock guards

use std::cell::UnsafeCell;
use std::panic::RefUnwindSafe;

use crate::os;

/// A number, not zero, that differs between a process and its forked children. No system call.
///
/// A child made by a bare `clone(2)` system call is not noticed.
#[inline]
pub fn generation() -> u64 {
    os::generation()
}

/// How often this process and its ancestors have forked: while it does not change, nobody inherits what
/// this process has. No system call.
#[inline]
pub fn count() -> u64 {
    os::count()
}

/// The id of this process in its PID namespace, as getpid(2). No system call.
#[inline]
pub fn pid() -> u32 {
    os::pid()
}

/// Has `steps` called when the process ends by `exit(3)` or a return from `main`, and in its forked
/// children when they do. They must not panic, and may find thread-local values gone.
pub fn at_exit(steps: extern "C" fn()) {
    os::at_exit(steps);
}

/// A value that forks leave whole: it is only ever reached where none can happen, under the one lock
/// that every fork takes first and both sides give back.
///
/// ```
/// use shm_presence::fork::ForkSafe;
/// static COUNT: ForkSafe<u32> = ForkSafe::new(0);
/// assert_eq!(COUNT.with(|count| { *count += 1; *count }), 1);
/// ```
#[derive(Debug, Default)]
pub struct ForkSafe<T>(UnsafeCell<T>);

// SAFETY: `with` lets one thread at a time have the value.
unsafe impl<T: Send> Sync for ForkSafe<T> {}

impl<T> RefUnwindSafe for ForkSafe<T> {}

impl<T> ForkSafe<T> {
    /// Keeps a value.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Runs a few steps with the value, which no fork of this process and no other thread falls
    /// between. If they panic, the value stays as they left it.
    ///
    /// They must neither fork nor reach this or another kept value, nor drop what does: they would
    /// deadlock.
    #[inline]
    pub fn with<R>(&self, steps: impl FnOnce(&mut T) -> R) -> R {
        let _held = os::keep_forks_out();
        // SAFETY: the one lock is held, and a thread that holds it does not get it a second time.
        steps(unsafe { &mut *self.0.get() })
    }

    /// The value, which nobody else can reach at the moment.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
    }
}
