//! What one more array, or one more participant, costs when there are many.

use crate::Row;

pub(crate) fn rows() -> Vec<Row> {
    Vec::new()
}
