//! What the fuzz targets share: the form of their inputs, and how much memory was asked for.
//!
//! Each target (`fuzz_targets/`) says what must hold. `seeds.rs` makes the inputs that fuzzing begins
//! with.
#![deny(unsafe_code)]

pub mod file;
pub mod memory;
pub mod payload;
pub mod private;
pub mod segment;
pub mod steps;

/// Checks that an error can be shown: it may quote what came from outside, but not without end.
pub fn check_error(error: &shm_core::Error) {
    let shown = error.to_string();
    assert!(shown.len() < 4096, "an error of {} bytes: {shown}", shown.len());
}
