//! Handing an array to another process, which attaches to it, reads one element and answers.

use crate::Row;

pub(crate) fn rows() -> Vec<Row> {
    Vec::new()
}
