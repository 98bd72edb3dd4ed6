//! The bytes of elements that lie apart, read in as few steps as their distances allow.

use anyhow::{Result, bail};
use shmarray::memory::Window;

use super::brackets::{Axis, PrintedIndices};

/// Reads bytes of an array's data, from that offset in bytes.
pub(super) type Read<'a> = &'a dyn Fn(&mut [u8], u64) -> shmarray::Result<()>;

/// Bytes between two elements that are read and thrown away rather than skipped: the kernel looks
/// up a page for each step.
const GAP: usize = 4096;

/// Bytes of a step, if one element is not longer.
const STEP: usize = 1 << 20;

/// Bytes of elements that are held at once, at most.
pub(super) const MAX_BYTES: usize = 64 << 20;

/// The elements of a window that are shown, one behind the other, the last axis fastest.
pub(super) fn gather(
    read: Read<'_>,
    window: &Window,
    shown: &PrintedIndices,
    itemsize: usize,
) -> Result<Vec<u8>> {
    let len = shown.len().and_then(|count| count.checked_mul(itemsize));
    let Some(len) = len.filter(|len| *len <= MAX_BYTES) else {
        let count = shown.len().map_or("too many".to_owned(), |count| count.to_string());
        bail!(
            "{count} elements of {itemsize} bytes to print are more than {MAX_BYTES} bytes; take a \
             slice, or `save` the array"
        );
    };
    let mut elements = vec![0; len];
    if len == 0 {
        return Ok(elements);
    }
    let mut weight = 1;
    let mut axes = Vec::new();
    for (axis, stride) in shown.axes().iter().zip(&window.strides).rev() {
        axes.push(Way { axis: *axis, stride: *stride, weight });
        weight *= axis.count();
    }
    // Neighbours in memory last, whatever the order of the axes.
    axes.sort_by_key(|way| std::cmp::Reverse(way.stride.unsigned_abs()));
    let mut line = Line::new(read, itemsize);
    let to = &mut elements;
    walk(&axes, window.offset, 0, &mut |stride, from, axis, weight, at| {
        let indices = axis.runs().flat_map(|(first, count)| first..first + count);
        line.read(from, stride, indices, |number, bytes| {
            let at = (at + number * weight) * itemsize;
            to[at..at + itemsize].copy_from_slice(bytes);
        })
    })?;
    Ok(elements)
}

/// An axis, how far it steps in memory, and among the elements that are shown.
#[derive(Clone, Copy)]
struct Way {
    axis: Axis,
    stride: isize,
    weight: usize,
}

/// Handles a line: its stride, where it begins in memory, which axis it is, its weight,
/// and where it begins among the elements.
type Each<'a> = &'a mut dyn FnMut(isize, usize, Axis, usize, usize) -> Result<()>;

fn walk(axes: &[Way], from: usize, at: usize, each: Each<'_>) -> Result<()> {
    let Some((way, inner)) = axes.split_first() else {
        return each(0, from, Axis::ONE, 1, at);
    };
    if inner.is_empty() {
        return each(way.stride, from, way.axis, way.weight, at);
    }
    let indices = way.axis.runs().flat_map(|(first, count)| first..first + count);
    for (number, index) in indices.enumerate() {
        walk(inner, place(from, way.stride, index), at + number * way.weight, each)?;
    }
    Ok(())
}

/// Where an element lies, counted in elements: a window keeps that within its array.
fn place(from: usize, stride: isize, index: usize) -> usize {
    from.wrapping_add_signed(stride.wrapping_mul(index.cast_signed()))
}

/// Reads elements along one axis.
pub(super) struct Line<'a> {
    read: Read<'a>,
    itemsize: usize,
    buffer: Vec<u8>,
}

impl<'a> Line<'a> {
    pub(super) fn new(read: Read<'a>, itemsize: usize) -> Self {
        Self { read, itemsize, buffer: Vec::new() }
    }

    /// Reads the elements with these rising indices; `each` gets the number of an index among them,
    /// and the element.
    pub(super) fn read(
        &mut self,
        from: usize,
        stride: isize,
        indices: impl Iterator<Item = usize>,
        mut each: impl FnMut(usize, &[u8]),
    ) -> Result<()> {
        let mut indices = indices.enumerate().peekable();
        while let Some((number, first)) = indices.next() {
            let mut group = vec![(number, first)];
            let (mut last, bytes) = (first, stride.unsigned_abs().saturating_mul(self.itemsize));
            while let Some((number, next)) = indices.next_if(|(_, next)| {
                let gap = bytes.saturating_mul(next - last);
                let span = bytes.saturating_mul(next - first);
                gap <= GAP.saturating_add(self.itemsize)
                    && span.saturating_add(self.itemsize) <= STEP
            }) {
                group.push((number, next));
                last = next;
            }
            let (one, other) = (place(from, stride, first), place(from, stride, last));
            let (low, high) = (one.min(other), one.max(other));
            self.buffer.resize((high - low + 1) * self.itemsize, 0);
            (self.read)(&mut self.buffer, low as u64 * self.itemsize as u64)?;
            for (number, index) in group {
                let at = (place(from, stride, index) - low) * self.itemsize;
                each(number, &self.buffer[at..at + self.itemsize]);
            }
        }
        Ok(())
    }
}
