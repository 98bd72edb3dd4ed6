//! Shares a table with itself, on the one backend that it was built with, and prints the sum.
#![forbid(unsafe_code)]

use shmarray::prelude::*;

fn main() -> shmarray::Result<()> {
    let table: SharedArray<u64, Ix2> = SharedArray::builder((3, 4))
        .unique("embedding")
        .backend(BackendKind::Memfd) // in code: features of other crates cannot change it
        .from_fn(|(i, j)| (10 * i + j) as u64)?;
    let payload = table.payload()?.to_bytes()?;
    let reader = ReadOnlyArray::<u64, Ix2>::from_payload(&Payload::from_bytes(&payload)?)?;
    println!("{}: {}", reader.backend(), reader.to_owned_array().sum());
    Ok(())
}
