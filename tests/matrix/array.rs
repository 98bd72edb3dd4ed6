//! The array that is shared, and what each side writes into it.

use anyhow::{Result, ensure};
use shmarray::ndarray::Array;
use shmarray::prelude::*;

pub(crate) type Shared = SharedArray<u32, Ix2>;

pub(crate) const SHAPE: (usize, usize) = (6, 1000);

/// The row that the other process writes.
const ROW: usize = 4;

/// The value that the creator gives each element.
pub(crate) fn first((i, j): (usize, usize)) -> u32 {
    u32::try_from(10_000 * i + j).unwrap_or(u32::MAX)
}

/// The value that the other process writes to its row.
fn second(j: usize) -> u32 {
    !first((ROW, j))
}

/// The other process: finds what the creator wrote, and writes its row.
pub(crate) fn answer(array: &Shared) -> Result<()> {
    let found = array.to_owned_array();
    ensure!(found == Array::from_shape_fn(SHAPE, first), "the other process finds other contents");
    for j in 0..SHAPE.1 {
        array.set((ROW, j), second(j))?;
    }
    Ok(())
}

/// The creator: finds what the other process wrote, and all else as it was.
pub(crate) fn check_answer(array: &Shared) -> Result<()> {
    let expected = |(i, j)| if i == ROW { second(j) } else { first((i, j)) };
    let found = array.to_owned_array();
    ensure!(found == Array::from_shape_fn(SHAPE, expected), "the answer has not arrived");
    Ok(())
}

/// A second handle in a process that has one: by name, or where there is none by payload.
pub(crate) fn again(array: &Shared) -> Result<Shared> {
    Ok(match array.backend() {
        BackendKind::Memfd => Shared::from_payload(&array.payload()?)?,
        _ => Shared::attach(array.name().as_str())?,
    })
}
