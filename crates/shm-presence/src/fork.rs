//! Whether this process is a forked child, and what no fork may interrupt.
//!
//! Both rest on `pthread_atfork(3)`, registered before `main` runs. A child made by a bare
//! `clone(2)` system call is not noticed.
#![allow(unsafe_code)] // pthread_atfork and a pthread mutex.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// How many forks lie between the first process and this one.
static GENERATION: AtomicU64 = AtomicU64::new(0);

/// The id of this process.
static PID: AtomicU32 = AtomicU32::new(0);

/// Held across every fork: see [`uninterrupted`].
static LOCK: Lock = Lock(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER));

struct Lock(UnsafeCell<libc::pthread_mutex_t>);

// SAFETY: a pthread mutex is made to be used from several threads, through a pointer.
unsafe impl Sync for Lock {}

/// A number that differs between a process and its forked children. No system call.
#[inline]
pub fn generation() -> u64 {
    GENERATION.load(Relaxed)
}

/// The id of this process in its PID namespace, as getpid(2). No system call.
#[inline]
pub fn pid() -> u32 {
    PID.load(Relaxed)
}

/// Runs a few steps that no fork of this process may fall between: it takes the one lock that
/// every fork takes first and both sides give back.
///
/// `steps` must neither fork nor call this again: it would wait for itself.
#[inline]
pub fn uninterrupted<T>(steps: impl FnOnce() -> T) -> T {
    struct Held;
    impl Drop for Held {
        fn drop(&mut self) {
            unlock();
        }
    }
    lock();
    let _held = Held;
    steps()
}

/// A value that forks leave whole: it is only ever reached where none can happen.
///
/// ```
/// use shm_presence::fork::Kept;
/// static COUNT: Kept<u32> = Kept::new(0);
/// assert_eq!(COUNT.with(|count| { *count += 1; *count }), 1);
/// ```
#[derive(Debug)]
pub struct Kept<T>(UnsafeCell<T>);

// SAFETY: `with` lets one thread at a time have the value.
unsafe impl<T: Send> Sync for Kept<T> {}

impl<T> Kept<T> {
    /// Keeps a value.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Runs a few steps with the value, [`uninterrupted`] by forks and other threads. If they panic,
    /// the value stays as they left it.
    #[inline]
    pub fn with<R>(&self, steps: impl FnOnce(&mut T) -> R) -> R {
        uninterrupted(|| {
            // SAFETY: whoever is here holds LOCK, which nobody takes twice.
            steps(unsafe { &mut *self.0.get() })
        })
    }
}

/// Has `steps` called when the process ends by `exit(3)` or a return from `main`, and in its forked
/// children when they do. They must not panic, and may find thread-local values gone.
pub fn at_exit(steps: extern "C" fn()) {
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
    let code = unsafe { libc::pthread_atfork(Some(lock), Some(unlock), Some(in_child)) };
    assert_eq!(code, 0, "pthread_atfork: out of memory before main");
}

/// The dynamic linker calls it before `main`: no thread can be forking yet.
#[used]
#[cfg_attr(target_os = "macos", unsafe(link_section = "__DATA,__mod_init_func"))]
#[cfg_attr(not(target_os = "macos"), unsafe(link_section = ".init_array"))]
static REGISTER: extern "C" fn() = register;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_value_is_reached_under_the_lock_of_every_fork() {
        static VALUE: Kept<()> = Kept::new(());
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
