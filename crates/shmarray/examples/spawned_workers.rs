//! Shares one array with spawned workers: this program starts itself again, in the role of a worker.
//! Each worker fills the row of its number.
//!
//! `cargo run --example spawned_workers -p shmarray`

use std::env;
use std::error::Error;
use std::process::Command;

use shmarray::prelude::*;
use shmarray::transfer;

const WORKERS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1) {
        Some(row) => Ok(work(row.parse()?)?),
        None => share(),
    }
}

/// The parent: makes the array, and waits for the workers.
fn share() -> Result<(), Box<dyn Error>> {
    let table: SharedArray<u64, Ix2> =
        SharedArray::builder((WORKERS, 4)).unique("table").workers(Workers::Spawned).zeros()?;

    let mut workers = Vec::new();
    for row in 0..WORKERS {
        let mut command = Command::new(env::current_exe()?);
        command.arg(row.to_string());
        transfer::inherit(&mut command, "table", &table)?; // this command's child only
        workers.push(command.spawn()?);
    }
    for mut worker in workers {
        let status = worker.wait()?;
        if !status.success() {
            return Err(format!("a worker failed: {status}").into());
        }
    }
    println!("{}", table.to_owned_array());
    Ok(())
}

/// A worker: takes the array that it inherited. It is the same memory.
fn work(row: usize) -> shmarray::Result<()> {
    let table: SharedArray<u64, Ix2> = transfer::take("table")?.typed()?;
    for column in 0..table.shape()[1] {
        table.set((row, column), (10 * row + column) as u64)?;
    }
    Ok(())
}
