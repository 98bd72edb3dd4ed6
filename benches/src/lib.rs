//! What shmarray costs: rows of contenders that do the same thing, ours beside the bare system calls
//! and beside what people use.
//!
//! - `row.rs`: what a row is, and a measurement; `rows.rs` and `rows/`: all of them;
//! - `floor/`: the bare system calls that keep the same promises;
//! - `peer/`: other libraries, one in each file;
//! - `pair.rs`: a forked process that answers, or works at the same time; cores.
//!
//! The drivers measure one contender of one row in a process of its own, `contest`, which has one
//! thread: so a row may fork, and no contender inherits the memory or the caches of another.
//!
//! It tests nothing but that its rows run, and nothing depends on it.
#![deny(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)] // a measurement that fails shall stop

mod floor;
mod pair;
mod peer;
mod row;
mod rows;

pub use row::{Contender, Goal, Role, Row, Run, measure, note, notes};
pub use rows::all;
