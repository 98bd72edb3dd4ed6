//! Claiming a chunk of an array, and saying that it is done.

use crate::Row;

pub(crate) fn rows() -> Vec<Row> {
    Vec::new()
}
