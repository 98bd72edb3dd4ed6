//! Meeting at a barrier.

use crate::Row;

pub(crate) fn rows() -> Vec<Row> {
    Vec::new()
}
