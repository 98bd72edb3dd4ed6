//! Taking a lock and letting it go.

use crate::Row;

pub(crate) fn rows() -> Vec<Row> {
    Vec::new()
}
