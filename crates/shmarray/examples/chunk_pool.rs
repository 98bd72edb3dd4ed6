//! A pool of workers that share out the rows of an array by chunks: whoever is free takes the next
//! one. The chunk of a worker that dies goes to another.
//!
//! `cargo run --example chunk_pool -p shmarray`

use std::env;
use std::error::Error;
use std::process::Command;

use shmarray::prelude::*;
use shmarray::transfer;

const ROWS: usize = 1000;
const ROWS_OF_A_CHUNK: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1) {
        Some(_) => Ok(work()?),
        None => run_the_pool(),
    }
}

fn run_the_pool() -> Result<(), Box<dyn Error>> {
    let squares: GuardedArray<u64, Ix1> =
        GuardedArray::builder(ROWS).unique("squares").workers(Workers::Spawned).zeros()?;
    let mut workers = Vec::new();
    for _ in 0..3 {
        let mut command = Command::new(env::current_exe()?);
        transfer::inherit(command.arg("worker"), "squares", &squares)?;
        workers.push(command.spawn()?);
    }
    for mut worker in workers {
        if !worker.wait()?.success() {
            println!("a worker died; the others did its chunk"); // if one of them was left
        }
    }
    let rows = squares.read()?;
    let right = (0..ROWS).filter(|row| rows[*row] == (row * row) as u64).count();
    println!("{right} of {ROWS} rows are right");
    Ok(())
}

/// A worker. The loop ends in all of them when all chunks are done, by whichever worker.
fn work() -> shmarray::Result<()> {
    let squares: GuardedArray<u64, Ix1> = transfer::take("squares")?.typed()?;
    let mut count = 0;
    for chunk in squares.chunks(ROWS_OF_A_CHUNK)? {
        let mut chunk = chunk?; // these rows are this worker's alone
        let rows = chunk.range();
        for (square, row) in chunk.iter_mut().zip(rows) {
            *square = (row * row) as u64;
        }
        chunk.done(); // a chunk that is dropped instead goes back
        count += 1;
    }
    println!("{count} chunks by process {}", std::process::id());
    Ok(())
}
