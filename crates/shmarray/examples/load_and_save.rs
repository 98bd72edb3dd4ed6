//! Loads a `.npy` file into shared memory, changes a row, and saves it under another name. The
//! elements go straight between file and shared memory.
//!
//! `cargo run --example load_and_save -p shmarray`

use std::error::Error;

use shmarray::prelude::*;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?; // removed with all that is in it
    let (old, new) = (folder.path().join("old.npy"), folder.path().join("new.npy"));

    // A file to begin with; `numpy.save` writes the same.
    SharedArray::<f32, Ix2>::builder((3, 4)).unique("made").full(1.5)?.save(&old)?;

    // Dtype and dimensions of the file are checked; the shape is the file's.
    let grid = SharedArray::<f32, Ix2>::load(&old).unique("grid").create()?;
    println!("loaded {:?} of {} on {}", grid.shape(), grid.dtype(), grid.backend());
    grid.slice(s![1, ..])?.fill(7.0);
    grid.save(&new)?; // appears in one step, when all bytes are on the disk

    // A file of another type is refused, with both types.
    let wrong = SharedArray::<u8, Ix2>::load(&new).unique("wrong").create();
    println!("{}", wrong.err().ok_or("a file of f32 became an array of u8")?);

    // What type a file has need not be known: an `ErasedArray` takes any.
    let any = ErasedArray::load(&new).unique("any").create()?;
    println!("saved {:?} of {}", any.shape(), any.dtype());
    let again: SharedArray<f32, Ix2> = any.typed()?;
    println!("{}", again.to_owned_array());
    Ok(())
}
