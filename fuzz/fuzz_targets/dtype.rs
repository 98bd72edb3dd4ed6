//! Any text as a `descr`: a short error, or a dtype whose own text is read back.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use shm_core::DType;
use shmarray_fuzz::{check_error, memory};

/// Bytes; the longest text has 10 000, and has 1200 fields at most.
const MOST: usize = 1 << 19;

fuzz_target!(|input: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(input) else {
        return Corpus::Reject;
    };
    match memory::at_most(MOST, || text.parse::<DType>()) {
        Ok(dtype) => check(&dtype),
        Err(error) => check_error(&error),
    }
    Corpus::Keep
});

fn check(dtype: &DType) {
    assert!((1..=i32::MAX as usize).contains(&dtype.itemsize()), "{dtype}");
    assert_eq!(itemsize(dtype), Some(dtype.itemsize()), "{dtype}");
    let shown = dtype.to_string();
    let again: DType = shown.parse().unwrap();
    assert_eq!(again, *dtype);
    assert_eq!(again.to_string(), shown);
    assert_eq!(again.is_native(), dtype.is_native());
}

/// The size in bytes, added up without any overflow.
fn itemsize(dtype: &DType) -> Option<usize> {
    let DType::Struct(fields) = dtype else {
        return Some(dtype.itemsize());
    };
    fields.iter().try_fold(0_usize, |sum, field| {
        let one = itemsize(&field.dtype)?;
        sum.checked_add(field.shape.iter().try_fold(one, |size, n| size.checked_mul(*n))?)
    })
}
