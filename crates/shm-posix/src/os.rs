//! Where a system keeps named segments, and how it publishes one in a single step.

mod linux;

pub use linux::*;
