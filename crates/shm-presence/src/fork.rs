//! Whether this process is a forked child, and what no fork may interrupt.
//!
//! Both rest on `pthread_atfork(3)`, registered before `main` runs. A child made by a bare
//! `clone(2)` system call is not noticed.
#![allow(unsafe_code)] // pthread_atfork, a pthread mutex and what it guards

use std::cell::UnsafeCell;
use std::panic::RefUnwindSafe;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// One more than there are forks between the first process and this one.
static GENERATION: AtomicU64 = AtomicU64::new(1);

/// The id of this process.
static PID: AtomicU32 = AtomicU32::new(0);

/// Held across every fork: see [`ForkSafe`]. Not one of std, of which `ThreadSanitizer` does not see how a
/// thread that has waited gets it, nor then whether what it guards is guarded.
static LOCK: Lock = Lock(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER));

struct Lock(UnsafeCell<libc::pthread_mutex_t>);

// SAFETY: a pthread mutex is made to be used from several threads, through a pointer.
unsafe impl Sync for Lock {}

/// That this thread holds [`LOCK`], until it is dropped.
struct Held;

impl Held {
    #[inline]
    fn new() -> Self {
        lock();
        Self
    }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        unlock();
    }
}

/// A number, not zero, that differs between a process and its forked children. No system call.
#[inline]
pub fn generation() -> u64 {
    GENERATION.load(Relaxed)
}

/// The id of this process in its PID namespace, as getpid(2). No system call.
#[inline]
pub fn pid() -> u32 {
    PID.load(Relaxed)
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
    /// They must neither fork nor reach this or another kept value, nor drop what does: they would wait
    /// for themselves.
    #[inline]
    pub fn with<R>(&self, steps: impl FnOnce(&mut T) -> R) -> R {
        let _held = Held::new();
        // SAFETY: LOCK is held, and a thread that holds it does not get it a second time.
        steps(unsafe { &mut *self.0.get() })
    }

    /// The value, which nobody else can reach at the moment.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut()
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
