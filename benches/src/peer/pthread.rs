//! A robust mutex and a barrier of the C library, which processes share.
#![allow(unsafe_code)] // pthreads

use std::mem::MaybeUninit;

/// A mutex in shared memory whose owner may die: see `pthread_mutexattr_setrobust(3)`.
pub(crate) struct Mutex(*mut libc::pthread_mutex_t);

// SAFETY: it is made to be used from several threads, through a pointer.
unsafe impl Sync for Mutex {}

impl Mutex {
    /// # Safety
    /// `at` is shared memory for it alone, and stays.
    pub(crate) unsafe fn new(at: *mut libc::pthread_mutex_t) -> Self {
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

    pub(crate) fn lock(&self) {
        // SAFETY: initialised in `new`.
        check(unsafe { libc::pthread_mutex_lock(self.0) });
    }

    pub(crate) fn unlock(&self) {
        // SAFETY: initialised in `new`; an error if this thread does not hold it.
        check(unsafe { libc::pthread_mutex_unlock(self.0) });
    }
}

/// A barrier in shared memory.
pub(crate) struct Barrier(*mut libc::pthread_barrier_t);

// SAFETY: it is made to be used from several threads, through a pointer.
unsafe impl Sync for Barrier {}

impl Barrier {
    /// # Safety
    /// `at` is shared memory for it alone, and stays.
    pub(crate) unsafe fn new(at: *mut libc::pthread_barrier_t, size: u32) -> Self {
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

    pub(crate) fn wait(&self) {
        // SAFETY: initialised in `new`.
        let code = unsafe { libc::pthread_barrier_wait(self.0) };
        assert!(code == 0 || code == libc::PTHREAD_BARRIER_SERIAL_THREAD);
    }
}

fn check(code: i32) {
    assert_eq!(code, 0);
}
