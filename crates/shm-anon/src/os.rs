//! Files for locks only: one file per system, with the same functions in each.

mod linux;

pub(crate) use linux::*;
