//! The program of the README: from one process to several.
//!
//! `cargo run --example several_processes -p shmarray`

use shmarray::prelude::*;
use shmarray::{transfer, workers::Team};

fn main() -> shmarray::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("work") => work(),
        _ => share(),
    }
}

fn share() -> shmarray::Result<()> {
    let image: GuardedArray<f32, Ix2> =
        GuardedArray::builder((480, 640)).unique("image").workers(Workers::Spawned).zeros()?;
    // This program four times more, as `work`, with this array.
    let mut team = Team::spawn("work", 4, &[("image", &image)])?;
    while let Some(end) = team.wait_any(Timeout::Forever)? {
        println!("worker {}: {}", end.number, end.status);
    }
    println!("sum: {}", image.read()?.sum());
    Ok(())
}

fn work() -> shmarray::Result<()> {
    let image: GuardedArray<f32, Ix2> = transfer::take("image")?.typed()?;
    for chunk in image.chunks(64)? {
        let mut chunk = chunk?; // 64 rows, for this worker alone
        *chunk += 1.0; // in place, as on any ndarray
        chunk.done();
    }
    Ok(())
}
