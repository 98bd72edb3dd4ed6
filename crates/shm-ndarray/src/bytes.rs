//! Arrays whose type is known at run time only, as bytes.
#![allow(unsafe_code)] // loads from the bytes of a segment, and stores into them

use shm_core::{Access, ErrorKind, Header, Layout, Order, Region, Result, Window};

use crate::walk::{Axis, Walk, join};
use crate::words::{self, Word, word_len};

/// What is copied at once, in bytes: a multiple of every word.
const PIECE: usize = 1 << 20;

/// Calls `write` with the bytes of all elements that a window shows, in C order, piece by piece of
/// at most 1 MiB. Threads and processes may write them meanwhile: elements are copied by atomic
/// loads of the same words as those of [`Elements`](crate::Elements).
///
/// # Safety
/// As for [`ElementSpan::elements`](crate::ElementSpan::elements).
///
/// # Errors
/// Those of [`Window::check`]; [`ErrorKind::Truncated`] if the region ends before the array does;
/// that of `write`.
pub unsafe fn copy_bytes<R>(
    header: &Header,
    window: &Window,
    region: &R,
    mut write: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()>
where
    R: Region + ?Sized,
{
    window.check(header.layout())?;
    if window.is_empty() {
        return Ok(());
    }
    let itemsize = header.dtype().itemsize();
    let first = data_start(header, region)?.wrapping_add(window.offset * itemsize);
    let (mut piece, mut len) = (vec![0; PIECE], 0);
    let load = loader(itemsize);
    follow(&axes(&window.shape, &window.strides, itemsize), first, &mut |mut from, mut rest| {
        while rest > 0 {
            let more = rest.min(PIECE - len);
            // SAFETY: the window was checked: the axes lead to whole elements in the mapping, which
            // starts at a page, and whose data start at a multiple of 64. So each word is aligned,
            // and others use it atomically, in this size (the contract of `ElementSpan`).
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

/// Copies the bytes of all elements that a window shows into `to`, in C order. Threads and processes
/// may write the elements meanwhile, as for [`copy_bytes`].
///
/// # Safety
/// As for [`ElementSpan::elements`](crate::ElementSpan::elements).
///
/// # Errors
/// [`ErrorKind::LengthMismatch`] if `to` does not have as many bytes as the elements; those of [`Window::check`]; [`ErrorKind::Truncated`] if the region ends before the array
/// does.
pub unsafe fn load_bytes<R>(
    header: &Header,
    window: &Window,
    region: &R,
    to: &mut [u8],
) -> Result<()>
where
    R: Region + ?Sized,
{
    let load = loader(header.dtype().itemsize());
    each_run(header, window, region, to.len(), |shared, private, len| {
        // SAFETY: `each_run` gives whole elements of the window, whose words are aligned, and others use
        // them atomically, in this size (the contract of `ElementSpan`).
        unsafe { load(shared, &mut to[private..private + len]) };
    })
}

/// Copies bytes in C order into all elements that a window shows. Threads and processes may use the
/// elements meanwhile: the bytes are stored by atomic stores of the same words as those of
/// [`ElementsMut`](crate::ElementsMut).
///
/// # Safety
/// As for [`ElementSpan::elements`](crate::ElementSpan::elements).
///
/// # Errors
/// [`ErrorKind::AccessDenied`] if the region is read-only; those of [`load_bytes`].
pub unsafe fn store_bytes<R>(
    header: &Header,
    window: &Window,
    region: &R,
    from: &[u8],
) -> Result<()>
where
    R: Region + ?Sized,
{
    if region.access() != Access::ReadWrite {
        let (object, access) = ("a read-only array".into(), Access::ReadWrite);
        return Err(ErrorKind::AccessDenied { object, access }.into());
    }
    let store = match word_len(header.dtype().itemsize()) {
        1 => store::<u8>,
        2 => store::<u16>,
        4 => store::<u32>,
        _ => store::<u64>,
    };
    each_run(header, window, region, from.len(), |shared, private, len| {
        // SAFETY: as in `load_bytes`; the region may be written.
        unsafe { store(&from[private..private + len], shared) };
    })
}

/// Calls `copy` for each run of bytes that is adjacent both in the region and in a buffer of `has`
/// bytes that has the window's elements in C order: with its start in the region, its offset in the
/// buffer, and its length. A run is whole elements, whose start is aligned to their words.
fn each_run<R>(
    header: &Header,
    window: &Window,
    region: &R,
    has: usize,
    mut copy: impl FnMut(*mut u8, usize, usize),
) -> Result<()>
where
    R: Region + ?Sized,
{
    window.check(header.layout())?;
    let itemsize = header.dtype().itemsize();
    let in_order = Layout::new(&window.shape, Order::C, itemsize)?;
    if has != in_order.nbytes() {
        let (expected, found) = (in_order.nbytes() as u64, has as u64);
        return Err(ErrorKind::LengthMismatch { what: "the buffer", expected, found }.into());
    }
    if window.is_empty() {
        return Ok(());
    }
    let first = data_start(header, region)?.wrapping_add(window.offset * itemsize);
    let item = itemsize.cast_signed();
    let walk = Walk::new(&window.shape, &window.strides, &in_order.strides());
    walk.runs(|run, shared, private| {
        let joined = run.shared() == 1 && run.private() == 1;
        let (count, len) = if joined { (1, run.len * itemsize) } else { (run.len, itemsize) };
        for at in 0..count.cast_signed() {
            let shared = first.wrapping_offset((shared + at * run.shared()) * item);
            copy(shared, ((private + at * run.private()) * item).cast_unsigned(), len);
        }
    });
    Ok(())
}

/// Where the first element of a whole array lies; all its elements lie in the region.
fn data_start<R>(header: &Header, region: &R) -> Result<*mut u8>
where
    R: Region + ?Sized,
{
    let needs = header.data_offset().saturating_add(header.layout().nbytes() as u64);
    let has = region.len() as u64;
    let offset = usize::try_from(header.data_offset()).unwrap_or(usize::MAX);
    if has < needs || !offset.is_multiple_of(64) {
        return Err(ErrorKind::Truncated { what: "the mapped segment", needs, has }.into());
    }
    Ok(region.start().as_ptr().wrapping_add(offset))
}

/// The axes, with distances in bytes. The last is that of the bytes that lie in one piece.
fn axes(shape: &[usize], strides: &[isize], itemsize: usize) -> Vec<Axis<1>> {
    let item = itemsize.cast_signed();
    let long = shape.iter().zip(strides).filter(|(len, _)| **len > 1);
    let mut axes: Vec<_> =
        long.map(|(len, stride)| Axis { len: *len, steps: [stride * item] }).collect();
    axes.push(Axis { len: itemsize, steps: [1] });
    join(&mut axes);
    axes
}

/// Calls `run` for each run of adjacent bytes, with its start and length.
fn follow(
    axes: &[Axis<1>],
    start: *mut u8,
    run: &mut impl FnMut(*mut u8, usize) -> Result<()>,
) -> Result<()> {
    match axes {
        [] => Ok(()),
        [bytes] => run(start, bytes.len),
        [outer, rest @ ..] => (0..outer.len.cast_signed())
            .try_for_each(|i| follow(rest, start.wrapping_offset(i * outer.steps[0]), run)),
    }
}

/// How elements of so many bytes are loaded.
fn loader(itemsize: usize) -> unsafe fn(*mut u8, &mut [u8]) {
    match word_len(itemsize) {
        1 => load::<u8>,
        2 => load::<u16>,
        4 => load::<u32>,
        _ => load::<u64>,
    }
}

/// # Safety
/// `from` leads to as many mapped bytes, a multiple of the word's size and aligned to it, which
/// others use by atomic accesses of this size or not at all.
unsafe fn load<W: Word>(from: *mut u8, to: &mut [u8]) {
    let count = to.len() / size_of::<W>();
    // SAFETY: the caller's word; `to` is ours, and has that many words.
    unsafe { words::load::<W>(from.cast(), to.as_mut_ptr().cast(), count) };
}

/// # Safety
/// As for [`load`], and the bytes that `to` leads to may be written.
unsafe fn store<W: Word>(from: &[u8], to: *mut u8) {
    let count = from.len() / size_of::<W>();
    // SAFETY: the caller's word; `from` has that many words, and nobody writes it.
    unsafe { words::store::<W>(from.as_ptr().cast(), to.cast(), count) };
}
