//! A `.npy` file into a fresh array.

use crate::Row;

pub(crate) fn rows() -> Vec<Row> {
    Vec::new()
}
