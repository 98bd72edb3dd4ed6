//! Memory that is made anew for each operation, and given back outside the time.

use crate::row::{Run, calm, each_with};

/// A run of `make`, of which what it makes is dropped outside the time.
pub(super) fn made<T>(mut make: impl FnMut() -> T + 'static) -> Run {
    calm(each_with(|| (), move |()| make()))
}

/// The same from a buffer of so many bytes, all of them touched before.
pub(super) fn filled<T>(bytes: usize, mut make: impl FnMut(&[u8]) -> T + 'static) -> Run {
    let buffer = vec![1; bytes];
    made(move || make(&buffer))
}
