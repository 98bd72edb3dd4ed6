//! The arrays of rows about making, finding and handing over: their sizes and their names.

use shmarray::prelude::*;

pub(super) const GIB: usize = 1 << 30;
pub(super) const SIZES: [(&str, usize); 3] =
    [("4 KiB", 4 << 10), ("1 MiB", 1 << 20), ("1 GiB", GIB)];

/// A name that nobody else has.
pub(super) fn fresh_name() -> String {
    shmarray::names::unique_name("bench").unwrap().to_string()
}

/// Its entry, for the floor.
pub(super) fn entry(name: &str) -> String {
    format!("/dev/shm/{name}")
}

/// One of so many bytes, of zeros.
pub(super) fn array(
    name: &str,
    backend: BackendKind,
    bytes: usize,
    commit: Commit,
) -> SharedArray<u8, Ix1> {
    let builder = SharedArray::builder(bytes).name(name);
    builder.backend(backend).commit(commit).zeros().unwrap()
}
