//! A short payload cannot make its receiver allocate much memory.
#![allow(unsafe_code)] // a global allocator that notes the largest request

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use shm_core::{ErrorKind, Payload};

/// The most bytes that serde allocates before it has seen the elements.
const CAUTIOUS: usize = 1 << 20;

struct Watched;

static LARGEST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed to the system's allocator as it came.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
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

#[test]
fn lengths_that_are_claimed_are_not_allocated() {
    let name = [1, b'a'];
    let uuid_and_len = [&[16][..], &[0; 16], &[0]].concat();
    let dtype = [3, b'|', b'u', b'1'];
    let layout = [0, 0, 1]; // no dimension, C order, one byte
    let window = [1, 0]; // there is one, at the first element
    let parts = [&[0][..], &name, &uuid_and_len, &dtype, &layout, &window, &[0]];
    for claim in [1 << 14, 1 << 20, 1 << 32, u64::MAX >> 1, u64::MAX] {
        // A claim in place of: name, uuid, dtype, shape, then the window's shape and strides.
        for before in [1, 2, 3, 4, 6, 7] {
            // A length as bincode writes it: a mark, then eight bytes.
            let body = [&parts[..before].concat()[..], &[253], &claim.to_le_bytes()].concat();
            let prefix = [b's', b'h', b'm', 1, 0, 0, u8::try_from(body.len()).unwrap(), 0];
            let bytes = [&prefix[..], &body].concat();
            LARGEST.store(0, Relaxed);
            let result = Payload::from_bytes(&bytes);
            let largest = LARGEST.load(Relaxed);
            let error = result.unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Corrupt { .. }), "{error:?}");
            assert!(largest <= CAUTIOUS, "{largest} bytes allocated for {bytes:?}");
        }
    }
}
