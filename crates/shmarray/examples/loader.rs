//! A data loader: workers make the shuffled batches of an epoch, and a trainer uses them while those of
//! the next epoch are made in a second buffer. A batch is a chunk and an epoch is a round: whoever is
//! free takes the next batch, and that of a worker that is killed goes to another.
//!
//! `cargo run --example loader -p shmarray`; with `-- --kill-one` a worker is killed.

use std::env;
use std::error::Error;

use shmarray::prelude::*;
use shmarray::{transfer, workers::Team};

const SAMPLES: usize = 2048;
const FEATURES: usize = 512;
const BATCH: usize = 64; // samples
const EPOCHS: u32 = 6;
const WORKERS: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1).as_deref() {
        Some("load") => Ok(load()?),
        option => train(option == Some("--kill-one")),
    }
}

/// What the trainer and its workers share.
struct Loader {
    data: FrozenArray<u8, Ix2>,
    buffers: [GuardedArray<f32, Ix2>; 2],
}

impl Loader {
    fn new() -> shmarray::Result<Self> {
        let data = SharedArray::builder((SAMPLES, FEATURES))
            .backend(BackendKind::Memfd)
            .from_fn(|(sample, feature)| (sample * 31 + feature).to_le_bytes()[0])?;
        let buffer = |name| {
            let builder = GuardedArray::builder((SAMPLES, FEATURES)).unique(name);
            builder.workers(Workers::Spawned).zeros()
        };
        // Nobody can write the data any more, so everybody may have ordinary views of them.
        Ok(Self { data: data.into_memfd()?.freeze()?, buffers: [buffer("even")?, buffer("odd")?] })
    }

    fn buffer(&self, epoch: u32) -> &GuardedArray<f32, Ix2> {
        &self.buffers[epoch as usize % 2]
    }

    /// Makes the batches of an epoch, together with all who do the same, until the last is made.
    fn make(&self, epoch: u32) -> shmarray::Result<()> {
        let data = self.data.view();
        for batch in self.buffer(epoch).chunks_of_round(epoch / 2, Axis(0), BATCH)? {
            let mut batch = batch?;
            let places = batch.range();
            for (mut row, place) in batch.rows_mut().into_iter().zip(places) {
                row.zip_mut_with(&data.row(sample_at(place, epoch)), |to, from| {
                    *to = f32::from(*from);
                });
            }
            batch.done();
        }
        Ok(())
    }

    /// Uses an epoch: counts the samples that are what they should be.
    fn count_right(&self, epoch: u32) -> shmarray::Result<usize> {
        let (data, batches) = (self.data.view(), self.buffer(epoch).read()?);
        let right = batches.outer_iter().enumerate().filter(|(place, row)| {
            let sample = data.row(sample_at(*place, epoch));
            row.iter().zip(sample).all(|(to, from)| *to == f32::from(*from))
        });
        Ok(right.count())
    }
}

/// The trainer: it helps to make an epoch, so that it need not wait for the dead, and uses it.
fn train(kill_one: bool) -> Result<(), Box<dyn Error>> {
    let loader = Loader::new()?;
    let [even, odd] = &loader.buffers;
    let mut team =
        Team::spawn("load", WORKERS, &[("data", &loader.data), ("even", even), ("odd", odd)])?;
    for epoch in 0..EPOCHS {
        let dies = kill_one && epoch == 1;
        if dies {
            team.worker(0).ok_or("no worker")?.kill()?; // SIGKILL, whatever it has in its hands
        }
        loader.make(epoch)?;
        println!("epoch {epoch}: {} of {SAMPLES} samples are right", loader.count_right(epoch)?);
        if dies && let Some(end) = team.wait_any(Timeout::Forever)? {
            println!("worker {} died: {}", end.number, end.status);
            team.restart(end.number)?;
        }
        even.progress().add(1); // one more epoch is used: its buffer is free
    }
    while team.wait_any(Timeout::Forever)?.is_some() {}
    Ok(())
}

/// A worker: makes each epoch as soon as the one before the last is used. One that starts late finds that
/// the first epochs are made.
fn load() -> shmarray::Result<()> {
    let data = transfer::take("data")?.typed()?;
    let buffers = [transfer::take("even")?.typed()?, transfer::take("odd")?.typed()?];
    let loader = Loader { data, buffers };
    let used = loader.buffers[0].progress();
    for epoch in 0..EPOCHS {
        while used.get() + 1 < u64::from(epoch) {
            used.wait_past(used.get(), Timeout::Forever)?;
        }
        loader.make(epoch)?;
    }
    Ok(())
}

/// Which sample is at a place of a shuffled epoch: each is at one, as the factor is odd.
fn sample_at(place: usize, epoch: u32) -> usize {
    (place * (389 + 2 * epoch as usize) + 7 * epoch as usize) % SAMPLES
}
