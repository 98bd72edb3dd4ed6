//! The heat equation on a plate, by several processes and without `unsafe`: in each step all read one
//! array and share out the rows of the other, and then the two change places. Rounds follow each other,
//! so no barrier is needed.
//!
//! `cargo run --example heat -p shmarray`; with `-- --kill-one` a worker is killed in the middle.

use std::env;
use std::error::Error;
use std::ops::Range;

use shmarray::ndarray::{Array2, ArrayRef};
use shmarray::prelude::*;
use shmarray::{transfer, workers::Team};

const SIZE: usize = 128;
const STEPS: u32 = 100;
const ROWS: usize = 8; // of a chunk
const WORKERS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1).as_deref() {
        Some("work") => Ok(work()?),
        option => simulate(option == Some("--kill-one")),
    }
}

/// A plate with one hot edge, twice: the steps go from one to the other and back.
fn plates() -> shmarray::Result<[GuardedArray<f64, Ix2>; 2]> {
    let plate = |name| {
        let builder = GuardedArray::builder((SIZE, SIZE)).unique(name);
        builder.workers(Workers::Spawned).copy_of(&cold_plate())
    };
    Ok([plate("even")?, plate("odd")?])
}

fn cold_plate() -> Array2<f64> {
    Array2::from_shape_fn((SIZE, SIZE), |(y, _)| if y == 0 { 100.0 } else { 0.0 })
}

/// The parent: starts the workers, and works too, so that it need not wait for the dead.
fn simulate(kill_one: bool) -> Result<(), Box<dyn Error>> {
    let plates = plates()?;
    let mut team = Team::spawn("work", WORKERS, &[("even", &plates[0]), ("odd", &plates[1])])?;
    for step in 0..STEPS {
        take_part(&plates, step)?;
        if kill_one && step == STEPS / 2 {
            let _reading = plates[step as usize % 2].read()?; // nobody gets to the end meanwhile
            team.worker(0).ok_or("no worker")?.kill()?; // SIGKILL, whatever it has in its hands
            if let Some(end) = team.wait_any(Timeout::Forever)? {
                println!("worker {} died: {}", end.number, end.status);
                team.restart(end.number)?;
            }
        }
    }
    while team.wait_any(Timeout::Forever)?.is_some() {}
    let last = plates[STEPS as usize % 2].read()?;
    let is_same = *last == alone();
    println!("{STEPS} steps; the same bits as by one process: {is_same}");
    println!("{:.3} degrees in the second row", last[[1, SIZE / 2]]);
    Ok(())
}

/// A worker: runs the same loop. One that starts late finds that the first steps are done.
fn work() -> shmarray::Result<()> {
    let plates = [transfer::take("even")?.typed()?, transfer::take("odd")?.typed()?];
    (0..STEPS).try_for_each(|step| take_part(&plates, step))
}

/// One step, together with all who call this; back when all rows are done.
fn take_part(plates: &[GuardedArray<f64, Ix2>; 2], step: u32) -> shmarray::Result<()> {
    let [from, to] = [step as usize % 2, (step as usize + 1) % 2].map(|which| &plates[which]);
    let from = from.read()?; // with all others
    for rows in to.chunks_of_round(step / 2, Axis(0), ROWS)? {
        let mut rows = rows?; // for this process alone
        let range = rows.range();
        spread(&from, range, &mut rows);
        rows.done();
    }
    Ok(())
}

/// A step of these rows: each cell within the plate goes towards the mean of its neighbours.
fn spread(from: &ArrayRef<f64, Ix2>, rows: Range<usize>, to: &mut ArrayRef<f64, Ix2>) {
    let last = SIZE - 1;
    for (mut row, y) in to.rows_mut().into_iter().zip(rows) {
        for (x, cell) in row.iter_mut().enumerate() {
            let here = from[[y, x]];
            let is_edge = y == 0 || y == last || x == 0 || x == last;
            let around =
                || from[[y - 1, x]] + from[[y + 1, x]] + from[[y, x - 1]] + from[[y, x + 1]];
            *cell = if is_edge { here } else { here + 0.2 * (around() - 4.0 * here) };
        }
    }
}

/// The same by one process, without shared memory.
fn alone() -> Array2<f64> {
    let mut plates = (cold_plate(), cold_plate());
    for _ in 0..STEPS {
        spread(&plates.0, 0..SIZE, &mut plates.1);
        std::mem::swap(&mut plates.0, &mut plates.1);
    }
    plates.0
}
