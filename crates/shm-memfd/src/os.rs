//! The backend, where the system has memfds.

mod linux;

pub use linux::{FdOrOrigin, Memfd, MemfdSegment};
