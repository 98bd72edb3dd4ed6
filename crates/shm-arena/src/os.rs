//! What an arena needs of the operating system: a file that grows, and memory that goes back to it.

mod linux;

pub(crate) use linux::{discard, map, set_len};
