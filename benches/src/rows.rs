//! All rows, in the order of the table. `arrays.rs` and `pages.rs` make none: what several need.

mod arrays;
mod attach;
mod barrier;
mod claim;
mod create;
mod descriptor;
mod load;
mod lock;
mod pages;
mod read;
mod ring;
mod scale;
mod touch;
mod transfer;
mod view;

use crate::row::Row;

/// Every row there is, whether or not it can be run here.
#[must_use]
pub fn all() -> Vec<Row> {
    [
        create::rows(),
        attach::rows(),
        transfer::rows(),
        lock::rows(),
        barrier::rows(),
        claim::rows(),
        ring::rows(),
        touch::rows(),
        read::rows(),
        load::rows(),
        view::rows(),
        descriptor::rows(),
        scale::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
