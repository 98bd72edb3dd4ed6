//! Atomic copies between shared and private memory, word by word; long runs by [`bulk`].
//!
//! std allows atomic accesses that overlap and are not synchronised only if they have the same
//! size ("Memory model for atomic accesses"). So the word is a property of the element type, not
//! of a run's length or address: all accesses to one array use the same.
#![allow(unsafe_code)] // Accesses shared bytes through atomics; each function says where.

use std::ops::Range;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::bulk;

/// Words that are loaded before any is stored: enough to keep the processor's ports busy.
const LANES: usize = 8;

/// Bytes of the largest word of which elements of `itemsize` bytes consist; at most 8.
pub(crate) const fn word_len(itemsize: usize) -> usize {
    let power = itemsize.trailing_zeros();
    1 << if power < 3 { power } else { 3 }
}

/// An unsigned integer with an atomic of the same size.
pub(crate) trait Word: Copy {
    /// Loads from shared memory, which may be read-only: relaxed loads of at most 8 bytes work
    /// there (std, "Atomic accesses to read-only memory", for 64-bit targets).
    ///
    /// # Safety
    /// `from` can be read, is aligned to the word's size, and others who use it now do so
    /// atomically and with the same size.
    unsafe fn load(from: *mut Self) -> Self;

    /// Stores to shared memory.
    ///
    /// # Safety
    /// As for [`load`](Self::load), and `to` can be written.
    unsafe fn store(self, to: *mut Self);
}

macro_rules! words {
    ($($word:ty, $atomic:ident;)*) => {$(
        impl Word for $word {
            #[inline(always)]
            unsafe fn load(from: *mut Self) -> Self {
                // SAFETY: aligned and valid by contract; other accesses are atomic, same size.
                unsafe { $atomic::from_ptr(from) }.load(Relaxed)
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut Self) {
                // SAFETY: as above, and writable by contract.
                unsafe { $atomic::from_ptr(to) }.store(self, Relaxed);
            }
        }
    )*};
}

words! {
    u8, AtomicU8;
    u16, AtomicU16;
    u32, AtomicU32;
    u64, AtomicU64;
}

/// Copies `count` words out of shared memory.
///
/// # Safety
/// [`Word::load`] may be called for each word at `from`; `to` can be written and nobody else uses
/// it; it need not be aligned.
#[inline(always)]
pub(crate) unsafe fn load<W: Word>(from: *mut W, to: *mut W, count: usize) {
    let middle = bulk::middle(from, count);
    // SAFETY: words before the middle are within `count`.
    unsafe { load_each(from, to, 0..middle.start) };
    if !middle.is_empty() {
        let (from, to) = (from.wrapping_add(middle.start), to.wrapping_add(middle.start));
        // SAFETY: `middle` gave these bytes, which are within `count` words; others use them by
        // atomic accesses of the size of `W`.
        unsafe { bulk::load(from.cast(), to.cast(), middle.len() * size_of::<W>()) };
    }
    // SAFETY: words behind the middle are within `count`.
    unsafe { load_each(from, to, middle.end..count) };
}

/// # Safety
/// As for [`load`], for the words of that range.
#[inline(always)]
unsafe fn load_each<W: Word>(from: *mut W, to: *mut W, words: Range<usize>) {
    let Range { start: mut done, end } = words;
    while end - done >= LANES {
        // SAFETY: words `done..done + LANES` are within the range.
        let lanes: [W; LANES] =
            std::array::from_fn(|lane| unsafe { W::load(from.wrapping_add(done + lane)) });
        let to = to.wrapping_add(done).cast::<[W; LANES]>();
        // SAFETY: the same words of `to`, which is ours to write.
        unsafe { to.write_unaligned(lanes) };
        done += LANES;
    }
    for at in done..end {
        // SAFETY: word `at` is within the range.
        let word = unsafe { W::load(from.wrapping_add(at)) };
        // SAFETY: the same word of `to`, which is ours to write.
        unsafe { to.wrapping_add(at).write_unaligned(word) };
    }
}

/// Copies `count` words into shared memory.
///
/// # Safety
/// [`Word::store`] may be called for each word at `to`; `from` can be read and nobody writes it;
/// it need not be aligned.
#[inline(always)]
pub(crate) unsafe fn store<W: Word>(from: *const W, to: *mut W, count: usize) {
    let middle = bulk::middle(to, count);
    // SAFETY: words before the middle are within `count`.
    unsafe { store_each(from, to, 0..middle.start) };
    if !middle.is_empty() {
        let (from, to) = (from.wrapping_add(middle.start), to.wrapping_add(middle.start));
        // SAFETY: `middle` gave these bytes, which are within `count` words; others use them by
        // atomic accesses of the size of `W`.
        unsafe { bulk::store(from.cast(), to.cast(), middle.len() * size_of::<W>()) };
    }
    // SAFETY: words behind the middle are within `count`.
    unsafe { store_each(from, to, middle.end..count) };
}

/// # Safety
/// As for [`store`], for the words of that range.
#[inline(always)]
unsafe fn store_each<W: Word>(from: *const W, to: *mut W, words: Range<usize>) {
    let Range { start: mut done, end } = words;
    while end - done >= LANES {
        // SAFETY: words `done..done + LANES` are within the range.
        let lanes = unsafe { from.wrapping_add(done).cast::<[W; LANES]>().read_unaligned() };
        for (lane, word) in lanes.into_iter().enumerate() {
            // SAFETY: the same words of `to`.
            unsafe { word.store(to.wrapping_add(done + lane)) };
        }
        done += LANES;
    }
    for at in done..end {
        // SAFETY: word `at` is within the range.
        let word = unsafe { from.wrapping_add(at).read_unaligned() };
        // SAFETY: the same word of `to`.
        unsafe { word.store(to.wrapping_add(at)) };
    }
}
