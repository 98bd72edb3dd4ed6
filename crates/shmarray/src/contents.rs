//! The first contents of an array, as bytes in the order of its memory.
#![allow(unsafe_code)] // looks at elements as bytes

use ndarray::{ArrayRef, Dimension};
use shm_core::{Element, Order, Result, Sink};

/// Size of the buffer in which elements are put together before they are written, in bytes: it stays in
/// the processor's cache.
const STAGE: usize = 256 << 10;

/// Writes the elements of an array with any strides.
pub(crate) fn write_array<T: Element, D: Dimension>(
    from: &ArrayRef<T, D>,
    order: Order,
    to: &mut dyn Sink,
) -> Result<()> {
    let from = match order {
        Order::C => from.view(),
        Order::Fortran => from.t(),
    };
    match from.as_slice() {
        Some(elements) => to.write(bytes_of(elements)),
        None => write_each(from.iter().copied(), to),
    }
}

/// Writes one element after the other.
pub(crate) fn write_each<T: Element>(
    mut elements: impl Iterator<Item = T>,
    to: &mut dyn Sink,
) -> Result<()> {
    let most = stage_len(size_of::<T>());
    let mut stage = Vec::with_capacity(most);
    loop {
        stage.clear();
        stage.extend(elements.by_ref().take(most));
        if stage.is_empty() {
            return Ok(());
        }
        to.write(bytes_of(&stage))?;
    }
}

/// Writes one value so many times.
pub(crate) fn write_value<T: Element>(value: T, count: usize, to: &mut dyn Sink) -> Result<()> {
    let stage = vec![value; count.min(stage_len(size_of::<T>()))];
    to.write_repeated(bytes_of(&stage), count * size_of::<T>())
}

/// Writes one element, given by its bytes, so many times.
pub(crate) fn write_element(element: &[u8], count: usize, to: &mut dyn Sink) -> Result<()> {
    let stage = element.repeat(count.min(stage_len(element.len())));
    to.write_repeated(&stage, count * element.len())
}

/// How many elements of so many bytes there are in a stage: at least one.
fn stage_len(itemsize: usize) -> usize {
    (STAGE / itemsize).max(1)
}

fn bytes_of<T: Element>(elements: &[T]) -> &[u8] {
    // SAFETY: the bytes of the slice, for as long; elements have no padding, so all are initialised.
    unsafe { std::slice::from_raw_parts(elements.as_ptr().cast(), size_of_val(elements)) }
}
