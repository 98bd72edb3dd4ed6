//! The crate `ndarray-npy`: reads a file into an array of its own, which is copied into shared
//! memory, of the crate `shared_memory` here.
#![allow(unsafe_code)] // what that gives is a pointer

use std::path::Path;

use ndarray::ArrayD;
use ndarray_npy::read_npy;

use super::{fresh, shared_memory};
use crate::row::Run;

pub(super) fn load(file: &Path, bytes: usize) -> Run {
    let file = file.to_path_buf();
    fresh::made(move || {
        let read: ArrayD<f32> = read_npy(&file).unwrap();
        let from = read.as_slice().unwrap();
        assert_eq!(size_of_val(from), bytes);
        let made = shared_memory::segment(bytes);
        // SAFETY: so many bytes at each; nobody else has the new ones, which a page begins.
        unsafe { made.as_ptr().cast::<f32>().copy_from_nonoverlapping(from.as_ptr(), from.len()) };
        made
    })
}
