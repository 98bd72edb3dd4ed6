//! The header of a `.npy` file, written as NumPy writes it.

use shm_core::{DType, Layout, Order, Result};

use crate::header::MAGIC;

/// The bytes in front of the elements, so many that these begin at a multiple of 64.
pub(crate) fn encode(dtype: &DType, shape: &[usize], order: Order) -> Result<Vec<u8>> {
    let descr = dtype.to_string();
    descr.parse::<DType>()?; // or nobody could read it
    Layout::new(shape, order, dtype.itemsize())?;
    let text = text(dtype, &descr, shape, order);
    let latin1: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
    let (version, mut body): (u8, _) = match latin1 {
        Some(latin1) => (1, latin1),
        None => (3, text.into_bytes()),
    };
    let before = if version == 1 { 10 } else { 12 };
    let end = (before + body.len() + 1).next_multiple_of(64);
    body.resize(end - before - 1, b' ');
    body.push(b'\n');
    // The longest `descr` and the longest shape together fit the two bytes of version 1.
    let len = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
    Ok([MAGIC.as_slice(), &[version, 0], &len[..before - 8], &body].concat())
}

/// The literal of a Python dict, as `numpy.lib.format` writes it.
fn text(dtype: &DType, descr: &str, shape: &[usize], order: Order) -> String {
    let quote = if matches!(dtype, DType::Scalar(_)) { "'" } else { "" };
    let lengths: Vec<_> = shape.iter().map(ToString::to_string).collect();
    let comma = if shape.len() == 1 { "," } else { "" };
    let shape = lengths.join(", ");
    let fortran = if order == Order::Fortran { "True" } else { "False" };
    format!(
        "{{'descr': {quote}{descr}{quote}, 'fortran_order': {fortran}, 'shape': ({shape}{comma}), }}"
    )
}
