//! Making an array, mapped, and destroying it.

use crate::Row;

pub(crate) fn rows() -> Vec<Row> {
    Vec::new()
}
