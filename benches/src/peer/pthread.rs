//! A robust mutex and a barrier of the C library, which processes share.
#![allow(unsafe_code)] // pthreads

use std::mem::MaybeUninit;

use crate::pair::shared_page;

/// Work under the mutex.
pub(super) fn lock() -> impl Fn(u64) + Copy + 'static {
    // SAFETY: a page for it alone.
    let mutex = unsafe { Mutex::new(shared_page().cast()) };
    move |count| {
        for _ in 0..count {
            mutex.lock();
            mutex.unlock();
        }
    }
}

/// Work at a barrier for two.
pub(super) fn wait() -> impl Fn(u64) + Copy + 'static {
    // SAFETY: a page for it alone.
    let barrier = unsafe { Barrier::new(shared_page().cast(), 2) };
    move |count| (0..count).for_each(|_| barrier.wait())
}

/// A mutex in shared memory whose owner may die: see `pthread_mutexattr_setrobust(3)`.
#[derive(Clone, Copy)]
struct Mutex(*mut libc::pthread_mutex_t);

impl Mutex {
    /// # Safety
    /// `at` is shared memory for it alone, and stays.
    unsafe fn new(at: *mut libc::pthread_mutex_t) -> Self {
        let mut attributes = MaybeUninit::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: memory for attributes.
        check(unsafe { libc::pthread_mutexattr_init(attributes) });
        // SAFETY: initialised above.
        check(unsafe {
            libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED)
        });
        // SAFETY: initialised above.
        check(unsafe { libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST) });
        // SAFETY: the caller's word for `at`; initialised attributes.
        check(unsafe { libc::pthread_mutex_init(at, attributes) });
        Self(at)
    }

    fn lock(&self) {
        // SAFETY: initialised in `new`.
        check(unsafe { libc::pthread_mutex_lock(self.0) });
    }

    fn unlock(&self) {
        // SAFETY: initialised in `new`; an error if this thread does not hold it.
        check(unsafe { libc::pthread_mutex_unlock(self.0) });
    }
}

/// A barrier in shared memory.
#[derive(Clone, Copy)]
struct Barrier(*mut libc::pthread_barrier_t);

impl Barrier {
    /// # Safety
    /// `at` is shared memory for it alone, and stays.
    unsafe fn new(at: *mut libc::pthread_barrier_t, size: u32) -> Self {
        let mut attributes = MaybeUninit::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: memory for attributes.
        check(unsafe { libc::pthread_barrierattr_init(attributes) });
        // SAFETY: initialised above.
        check(unsafe {
            libc::pthread_barrierattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED)
        });
        // SAFETY: the caller's word for `at`; initialised attributes.
        check(unsafe { libc::pthread_barrier_init(at, attributes, size) });
        Self(at)
    }

    fn wait(&self) {
        // SAFETY: initialised in `new`.
        let code = unsafe { libc::pthread_barrier_wait(self.0) };
        assert!(code == 0 || code == libc::PTHREAD_BARRIER_SERIAL_THREAD);
    }
}

fn check(code: i32) {
    assert_eq!(code, 0);
}
