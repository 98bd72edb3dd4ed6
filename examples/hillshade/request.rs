//! One run: everything that it needs, made and checked beforehand, and then the run itself.

use std::fmt;
use std::io::{Write, stdin, stdout};
use std::num::NonZeroUsize;
use std::thread::{self, available_parallelism};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use ndarray::{Array2, Ix2};
use rustix::process::getpid;
use shmarray::{Element, GuardedArray, Timeout, Workers};

use crate::cli::{Args, Start};
use crate::horn::shade;
use crate::input::Input;
use crate::output::Output;
use crate::report::Summary;
use crate::worker::{Arrays, Orders, fill};
use crate::workers::{Losses, Team};
use crate::{picture, scale};

/// An array has 128 slots if it is not made with another number; one is that of this process.
const MOST_WORKERS: usize = 127;
/// Enough that nobody waits long for the last, and that little is done again if one dies.
const CHUNKS_PER_WORKER: usize = 16;

/// A run that can begin: the elevation is in shared memory, and the outputs can be written.
pub(crate) struct Request {
    elevation: GuardedArray<f64, Ix2>,
    shade: GuardedArray<f32, Ix2>,
    png: Output,
    npy: Option<Output>,
}

impl Request {
    /// Checks everything, makes the shared arrays and reads the elevation. The input is not needed
    /// any more afterwards.
    ///
    /// # Errors
    /// Says what cannot be had, and what to do. Nothing is left behind.
    pub(crate) fn prepare(args: &Args) -> Result<Self> {
        args.check()?;
        let input = Input::open(&args.input)?;
        let png = Output::prepare(&args.png)?;
        let npy = args.output.as_deref().map(Output::prepare).transpose()?;

        let shape = enlarged(input.shape(), args.scale)?;
        let enough = shape.0 >= 2 || !args.kill_one;
        ensure!(enough, "--kill-one needs two rows: one that is done, and one that goes back");
        let elevation = array(args, "hillshade-elevation", shape)?;
        let shade = array(args, "hillshade-result", shape)?;
        let mut heights = elevation.write()?;
        if args.scale.get() == 1 {
            input.read_into(heights.view_mut())?;
        } else {
            let mut small = Array2::zeros(input.shape());
            input.read_into(small.view_mut())?;
            scale::enlarge(small.view(), heights.view_mut());
        }
        drop(heights);
        Ok(Self { elevation, shade, png, npy })
    }

    /// Starts the workers, lets them fill the result, checks it, and writes it.
    ///
    /// # Errors
    /// If a worker fails, the result is not that of one process, or cannot be written.
    pub(crate) fn meet(self, args: &Args) -> Result<()> {
        let Self { elevation, shade: shared, png, npy } = self;
        let (light, shape) = (args.light(), (elevation.shape()[0], elevation.shape()[1]));
        let mut backend = elevation.backend().to_string();
        say(format_args!("backend: {}", why(&elevation)))?;
        if elevation.backend() != shared.backend() {
            backend = format!("{backend}, and {} for the result", shared.backend());
            say(format_args!("backend of the result: {}", why(&shared)))?;
        }

        let workers = worker_count(args, shape.0);
        let rows = shape.0.div_ceil(workers.get() * CHUNKS_PER_WORKER);
        let rows = NonZeroUsize::new(rows).unwrap_or(NonZeroUsize::MIN);
        let parent = getpid().as_raw_nonzero().get();
        let orders = Orders { parent, rows, light, kill_one: args.kill_one };
        let arrays = Arrays { elevation: &elevation, shade: &shared };

        let began = Instant::now();
        // Until this is dropped, nobody gets a chunk.
        let gate = shared.write()?;
        let mut team = Team::start(args.start, workers, arrays, orders)?;
        team.wait_until_ready()?;
        let starting = began.elapsed();
        // All have the arrays: without their names, nothing stays whatever ends this run.
        elevation.destroy()?;
        shared.destroy()?;
        if args.hold {
            let pids: Vec<String> = team.pids().map(|pid| pid.to_string()).collect();
            say(format_args!("workers: {}", pids.join(" ")))?;
            stdin().read_line(&mut String::new())?;
        }

        let began = Instant::now();
        drop(gate);
        let losses = see_through(team, arrays, &orders)?;
        let together = began.elapsed();

        let (heights, result) = (elevation.read()?, shared.read()?);
        let mut expected = Array2::zeros(shape);
        let began = Instant::now();
        shade(heights.view(), 0..shape.0, &light, expected.view_mut());
        let alone = began.elapsed();
        for ((index, ours), theirs) in expected.indexed_iter().zip(&*result) {
            if ours.to_bits() != theirs.to_bits() {
                bail!(
                    "wrong result: {theirs} at {index:?}, one process has {ours}; please report it"
                );
            }
        }

        let written = png.finish(|file| picture::write(result.view(), file))?;
        say(format_args!("wrote {}", written.display()))?;
        if let Some(npy) = npy {
            let written = npy.into_path();
            shared.save(&written)?;
            say(format_args!("wrote {}", written.display()))?;
        }
        let summary = Summary {
            shape,
            backend,
            start: args.start,
            workers,
            rows,
            losses,
            starting,
            together,
            alone,
            bytes: elevation.nbytes() + shared.nbytes(),
            memory: arrays.memory(),
        };
        say(format_args!("{summary}"))?;
        Ok(())
    }
}

/// Shows the progress while the workers work, waits until they have ended, and does what they left:
/// nothing, unless all of them died.
///
/// # Errors
/// If a worker fails, or the rest cannot be done.
fn see_through(team: Team<'_>, arrays: Arrays<'_>, orders: &Orders) -> Result<Losses> {
    // If this function fails, the thread ends with the process.
    let (shade, rows) = (arrays.shade.clone(), orders.rows);
    let watcher = thread::spawn(move || watch(&shade, rows));
    let mut losses = team.wait_until_ended()?;
    fill(arrays, orders, |chunk| {
        losses.rest += 1;
        losses.again.extend(chunk.is_retry().then_some(chunk.index()));
        Ok(())
    })?;
    watcher.join().map_err(|_| anyhow!("the progress bar failed"))??;
    Ok(losses)
}

fn say(line: fmt::Arguments<'_>) -> Result<()> {
    writeln!(stdout(), "{line}").context("standard output cannot be written")
}

fn enlarged((rows, columns): (usize, usize), scale: NonZeroUsize) -> Result<(usize, usize)> {
    let times = |cells: usize| cells.checked_mul(scale.get());
    let shape = times(rows).zip(times(columns));
    shape.with_context(|| {
        format!("{rows} x {columns} cells cannot be enlarged {scale} times; use a smaller --scale")
    })
}

/// How many workers for so many rows. If one is to be killed, two rows for each: when the middle
/// chunk is taken, not all others before it can still be held, so that one is done.
fn worker_count(args: &Args, rows: usize) -> NonZeroUsize {
    let wanted = args.workers.or(available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let most = if args.kill_one { rows / 2 } else { rows };
    wanted.min(NonZeroUsize::new(most.min(MOST_WORKERS)).unwrap_or(NonZeroUsize::MIN))
}

/// Makes a shared array of zeros.
fn array<T: Element>(
    args: &Args,
    prefix: &str,
    shape: (usize, usize),
) -> Result<GuardedArray<T, Ix2>> {
    let workers = match args.start {
        Start::Spawn => Workers::Spawned,
        Start::Fork => Workers::Forked,
    };
    let mut builder = GuardedArray::builder(shape).unique(prefix).workers(workers);
    if let Some(backend) = args.backend.kind() {
        builder = builder.backend(backend);
    }
    builder.zeros().with_context(|| {
        let (rows, columns) = shape;
        format!("no array of {rows} x {columns} cells; try another --backend or a smaller --scale")
    })
}

/// The backend of an array, and why it has that.
fn why<T: Element>(array: &GuardedArray<T, Ix2>) -> String {
    match array.selection() {
        Some(selection) => selection.to_string(),
        None => format!("{}, as --backend asks", array.backend()),
    }
}

/// Shows how many chunks are done, until all are.
fn watch(shade: &GuardedArray<f32, Ix2>, rows: NonZeroUsize) -> Result<()> {
    let pass = shade.chunks(rows.get())?;
    let mut now = pass.progress()?;
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} chunks, {elapsed}")?;
    let bar = ProgressBar::new(now.chunks.into()).with_style(style);
    while now.done < now.chunks {
        now = pass.wait_past(now.done, Timeout::Forever)?;
        bar.set_position(now.done.into());
    }
    bar.finish_and_clear();
    Ok(())
}
