//! The bytes of an array of any type, copied out in C order while others may write.
//!
//! As in `shm-ndarray`, words are loaded atomically, and their size follows from the element's: all
//! who use the same elements agree on it.

#![allow(unsafe_code)] // loads from shared memory

use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};

use shm_core::{ErrorKind, Header, Region, Result};

use crate::handle::Handle;

/// What is copied at once, in bytes: a multiple of every word.
const PIECE: usize = 1 << 20;

/// Where the first element of a whole array lies; all its elements lie in the region.
pub(super) fn data_start(header: &Header, region: &dyn Region) -> Result<*mut u8> {
    let needs = header.data_offset().saturating_add(header.layout().nbytes() as u64);
    let has = region.len() as u64;
    let offset = usize::try_from(header.data_offset()).unwrap_or(usize::MAX);
    if has < needs || !offset.is_multiple_of(64) {
        return Err(ErrorKind::Truncated { what: "the mapped segment", needs, has }.into());
    }
    Ok(region.start().as_ptr().wrapping_add(offset))
}

/// Calls `write` with all bytes that a handle shows, piece by piece.
pub(super) fn pieces(handle: &Handle, mut write: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let (header, window) = (handle.header(), handle.window());
    window.check(header.layout())?; // it may have come with a payload
    if window.is_empty() {
        return Ok(());
    }
    let data = data_start(header, handle.region())?;
    let itemsize = header.dtype().itemsize();
    let first = data.wrapping_add(window.offset * itemsize);
    let (mut piece, mut len) = (vec![0; PIECE], 0);
    let load = loader(itemsize);
    follow(&axes(&window.shape, &window.strides, itemsize), first, &mut |mut from, mut rest| {
        while rest > 0 {
            let more = rest.min(PIECE - len);
            // SAFETY: the window was checked: the axes lead to whole elements in the mapping, which
            // starts at a page, and whose data start at a multiple of 64. So each word is aligned,
            // and others use it atomically, in this size, or are kept away by the lock.
            unsafe { load(from, &mut piece[len..len + more]) };
            (from, rest, len) = (from.wrapping_add(more), rest - more, len + more);
            if len == PIECE {
                write(&piece)?;
                len = 0;
            }
        }
        Ok(())
    })?;
    if len > 0 { write(&piece[..len]) } else { Ok(()) }
}

/// Length of each axis, and the distance of neighbours in bytes; the last are the bytes of what
/// lies in one piece.
fn axes(shape: &[usize], strides: &[isize], itemsize: usize) -> Vec<(usize, isize)> {
    let item = itemsize.cast_signed();
    let mut axes: Vec<(usize, isize)> =
        shape.iter().zip(strides).filter(|(n, _)| **n > 1).map(|(n, s)| (*n, s * item)).collect();
    axes.push((itemsize, 1));
    axes.dedup_by(|inner, outer| {
        let joined = outer.1 == inner.1 * inner.0.cast_signed();
        if joined {
            *outer = (outer.0 * inner.0, inner.1);
        }
        joined
    });
    axes
}

/// Calls `run` for each run of adjacent bytes, with its start and length.
fn follow(
    axes: &[(usize, isize)],
    start: *mut u8,
    run: &mut impl FnMut(*mut u8, usize) -> Result<()>,
) -> Result<()> {
    match axes {
        [] => Ok(()),
        [(len, _)] => run(start, *len),
        [(len, step), rest @ ..] => (0..len.cast_signed())
            .try_for_each(|i| follow(rest, start.wrapping_offset(i * step), run)),
    }
}

/// The copy for elements of `itemsize` bytes: by the largest word of which they consist.
fn loader(itemsize: usize) -> unsafe fn(*mut u8, &mut [u8]) {
    match itemsize.trailing_zeros() {
        0 => load_u8,
        1 => load_u16,
        2 => load_u32,
        _ => load_u64,
    }
}

macro_rules! loads {
    ($($name:ident: $atomic:ident;)*) => {$(
        /// # Safety
        /// `from` leads to as many mapped bytes, aligned to the word, which others use by atomic
        /// accesses of this size or not at all.
        unsafe fn $name(from: *mut u8, to: &mut [u8]) {
            let words = to.chunks_exact_mut(size_of::<$atomic>());
            for (at, to) in words.enumerate() {
                let from = from.wrapping_add(at * size_of::<$atomic>());
                // SAFETY: the caller's word. Relaxed loads of at most 8 bytes may be from memory
                // that is mapped for reading only (std, "Atomic accesses to read-only memory").
                let word = unsafe { $atomic::from_ptr(from.cast()) }.load(Relaxed);
                to.copy_from_slice(&word.to_ne_bytes());
            }
        }
    )*};
}

loads! {
    load_u8: AtomicU8;
    load_u16: AtomicU16;
    load_u32: AtomicU32;
    load_u64: AtomicU64;
}
