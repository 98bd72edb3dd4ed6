//! The lock that every fork takes, how often this process's line has forked, and its id.
//!
//! All rest on `pthread_atfork(3)`, registered before `main` runs. A child made by a bare
//! `clone(2)` system call is not noticed.
#![allow(unsafe_code)] // pthread_atfork, a pthread mutex

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// One more than there are forks between the first process and this one.
static GENERATION: AtomicU64 = AtomicU64::new(1);

/// How often this process and its ancestors have forked.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// The id of this process.
static PID: AtomicU32 = AtomicU32::new(0);

/// Held across every fork: see [`ForkSafe`](crate::fork::ForkSafe). Not one of std, of which
/// `ThreadSanitizer` does not see how a thread that has waited gets it, nor then whether what it guards
/// is guarded.
static LOCK: Lock = Lock(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER));

struct Lock(UnsafeCell<libc::pthread_mutex_t>);

// SAFETY: a pthread mutex is made to be used from several threads, through a pointer.
unsafe impl Sync for Lock {}

/// No other thread forks until it is dropped.
pub(crate) struct NoForks;

/// Waits for forks that are under way, and keeps others out.
#[inline]
pub(crate) fn keep_forks_out() -> NoForks {
    lock();
    NoForks
}

impl Drop for NoForks {
    #[inline]
    fn drop(&mut self) {
        unlock();
    }
}

#[inline]
pub(crate) fn generation() -> u64 {
    GENERATION.load(Relaxed)
}

#[inline]
pub(crate) fn pid() -> u32 {
    PID.load(Relaxed)
}

pub(crate) fn count() -> u64 {
    FORKS.load(Relaxed)
}

pub(crate) fn at_exit(steps: extern "C" fn()) {
    // SAFETY: the function lives as long as the program.
    let code = unsafe { libc::atexit(steps) };
    debug_assert_eq!(code, 0, "atexit: out of memory");
}

extern "C" fn lock() {
    // SAFETY: LOCK is an initialised mutex that is never destroyed or moved.
    let code = unsafe { libc::pthread_mutex_lock(LOCK.0.get()) };
    if code != 0 {
        std::process::abort(); // where a system tells instead of waiting that this thread has it
    }
}

extern "C" fn unlock() {
    // SAFETY: as in `lock`; it is held: by this thread, or in a forked child by the thread that
    // it is the copy of.
    let code = unsafe { libc::pthread_mutex_unlock(LOCK.0.get()) };
    debug_assert_eq!(code, 0, "pthread_mutex_unlock");
}

extern "C" fn before() {
    lock();
    FORKS.fetch_add(1, Relaxed);
}

extern "C" fn in_child() {
    GENERATION.fetch_add(1, Relaxed);
    learn_pid();
    unlock();
}

fn learn_pid() {
    PID.store(std::process::id(), Relaxed);
}

extern "C" fn register() {
    learn_pid();
    // SAFETY: the three handlers live as long as the program and call only what may be called in
    // a forked child.
    let code = unsafe { libc::pthread_atfork(Some(before), Some(unlock), Some(in_child)) };
    assert_eq!(code, 0, "pthread_atfork: out of memory before main");
}

/// The dynamic linker calls it before `main`: no thread can be forking yet.
#[used]
#[unsafe(link_section = ".init_array")]
static REGISTER: extern "C" fn() = register;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fork::ForkSafe;

    #[test]
    fn a_kept_value_is_reached_under_the_lock_of_every_fork() {
        static VALUE: ForkSafe<()> = ForkSafe::new(());
        let is_locked = || {
            // SAFETY: LOCK is an initialised mutex that is never destroyed or moved.
            let code = unsafe { libc::pthread_mutex_trylock(LOCK.0.get()) };
            if code == 0 {
                unlock();
            }
            code == libc::EBUSY
        };
        assert!(VALUE.with(|()| is_locked()));
    }
}
