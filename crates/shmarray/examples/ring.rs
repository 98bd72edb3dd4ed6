//! A pipeline of images, each stage in processes of its own: decode, blur, collect in order. One of the
//! two processes that blur is killed on the way. The other gets its image again.
//!
//! `cargo run --example ring -p shmarray`

use std::env;
use std::error::Error;
use std::process::{Child, Command};

use ndarray::ArrayRef;
use shmarray::prelude::*;
use shmarray::transfer;

const IMAGES: u64 = 60;
const STAGES: u32 = 3;

type Images = GuardedArray<f32, Ix3>;

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1).as_deref() {
        None => run_the_pipeline(),
        Some("decode") => Ok(decode(&transfer::take("images")?.typed()?)?),
        Some(_) => Ok(blur(&transfer::take("images")?.typed()?)?),
    }
}

fn run_the_pipeline() -> Result<(), Box<dyn Error>> {
    // Four frames of 64 x 64: all that is in flight at a time.
    let images: Images =
        GuardedArray::builder((4, 64, 64)).unique("images").workers(Workers::Spawned).zeros()?;
    let mut decoder = start("decode", &images)?;
    let mut victim = start("blur", &images)?;
    let mut other = start("blur", &images)?;

    let mut right = 0;
    for image in images.ring(STAGES)?.collect_in_order() {
        let image = image?;
        let mean = image.sum() / image.len() as f32;
        if image.number() == right && (mean - right as f32).abs() < 0.01 {
            right += 1;
        }
        if image.number() == IMAGES / 3 {
            victim.kill()?; // SIGKILL, wherever it is
        }
        image.done();
    }
    println!("{right} of {IMAGES} images came out right, in order");
    println!("decoder: {}", decoder.wait()?);
    println!("killed: {}, the other: {}", !victim.wait()?.success(), other.wait()?);
    Ok(())
}

/// This program again, in that role, with the images.
fn start(role: &str, images: &Images) -> Result<Child, Box<dyn Error>> {
    let mut command = Command::new(env::current_exe()?);
    transfer::inherit(command.arg(role), "images", images)?;
    Ok(command.spawn()?)
}

/// Stage 0: fills free frames with the images of their numbers.
fn decode(images: &Images) -> shmarray::Result<()> {
    let ring = images.ring(STAGES)?;
    while ring.begun() < IMAGES {
        let Some(mut image) = ring.produce(Timeout::Forever)? else { break };
        let brightness = image.number() as f32;
        for ((_, column), pixel) in image.indexed_iter_mut() {
            *pixel = if column % 2 == 0 { brightness - 1.0 } else { brightness + 1.0 };
        }
        image.done();
    }
    ring.close(); // these are all
    Ok(())
}

/// Stage 1: takes whatever is ready. Killed with a frame, it gives it back, half blurred perhaps.
fn blur(images: &Images) -> shmarray::Result<()> {
    let ring = images.ring(STAGES)?;
    while let Some(mut image) = ring.claim(Timeout::Forever)? {
        average(&mut image); // may be done twice: it comes to the same
        image.done();
    }
    Ok(())
}

/// Gives each pair of neighbours in a row their mean.
fn average(image: &mut ArrayRef<f32, Ix2>) {
    for mut pair in image.exact_chunks_mut((1, 2)) {
        let mean = (pair[[0, 0]] + pair[[0, 1]]) / 2.0;
        pair.fill(mean);
    }
}
