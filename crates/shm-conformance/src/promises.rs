//! The promises, as functions over any harness. Each leaves what it found.

pub mod attach;
pub mod create;
pub mod handover;
pub mod hold;
pub mod identity;
pub mod named;
