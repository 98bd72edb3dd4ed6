//! The largest single allocation: an input of a few bytes must not cost gigabytes.
#![allow(unsafe_code)] // a global allocator that notes the largest request

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

struct Watched;

static LARGEST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed to the system's allocator as it came.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: `place` came from the system's allocator with this layout, as all do.
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        LARGEST.fetch_max(len, Relaxed);
        // SAFETY: `place` came from the system's allocator with this layout, as all do, and the
        // caller vouches for `len`.
        unsafe { System.realloc(place, layout, len) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// Runs code that must not allocate more than `most` bytes at once.
pub fn at_most<T>(most: usize, run: impl FnOnce() -> T) -> T {
    LARGEST.store(0, Relaxed);
    let result = run();
    let largest = LARGEST.load(Relaxed);
    assert!(largest <= most, "{largest} bytes asked for at once, at most {most}");
    result
}
