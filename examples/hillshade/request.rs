//! One run: everything that it needs, made and checked beforehand, and then the run itself.
#![allow(unsafe_code)] // views of shared memory, while no worker lives

use std::fmt;
use std::io::{Write, stdin, stdout};
use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use ndarray::{Array2, Ix2};
use shmarray::{Element, SharedArray, Workers};

use crate::cli::{Args, Start};
use crate::horn::shade;
use crate::input::Input;
use crate::maps::Memory;
use crate::output::{Output, write_npy};
use crate::report::Summary;
use crate::workers::{Crew, Job};
use crate::{picture, scale};

/// A run that can begin: the elevation is in shared memory, and the outputs can be written.
pub(crate) struct Request {
    elevation: SharedArray<f64, Ix2>,
    shade: SharedArray<f32, Ix2>,
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
        let elevation = array(args, "hillshade-elevation", shape)?;
        let shade = array(args, "hillshade-result", shape)?;
        // SAFETY: nobody else has the array yet.
        let mut heights = unsafe { elevation.view_mut() };
        if args.scale.get() == 1 {
            input.read_into(heights)?;
        } else {
            let mut small = Array2::zeros(input.shape());
            input.read_into(small.view_mut())?;
            scale::enlarge(small.view(), heights.view_mut());
        }
        Ok(Self { elevation, shade, png, npy })
    }

    /// Starts the workers, lets them fill the result, checks it, and writes it.
    ///
    /// # Errors
    /// If a worker fails or dies, the result is not that of one process, or cannot be written.
    pub(crate) fn meet(self, args: &Args) -> Result<()> {
        let Self { elevation, shade: shared, png, npy } = self;
        let (light, shape) = (args.light(), (elevation.shape()[0], elevation.shape()[1]));
        let mut backend = elevation.backend().to_string();
        say(format_args!("backend: {}", why(&elevation)))?;
        if elevation.backend() != shared.backend() {
            backend = format!("{backend}, and {} for the result", shared.backend());
            say(format_args!("backend of the result: {}", why(&shared)))?;
        }

        let workers = args.workers.or(available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
        let workers = NonZeroUsize::new(shape.0).map_or(workers, |rows| workers.min(rows));
        let began = Instant::now();
        let job = Job { elevation: &elevation, shade: &shared, light };
        let mut crew = Crew::start(args.start, workers, job)?;
        let memory = Memory::behind(elevation.raw_view().as_ptr(), shared.raw_view().as_ptr());
        for (number, other) in (1..).zip(crew.wait_until_ready()?) {
            ensure!(other == memory, "worker {number} sees other memory: {other}, not {memory}");
        }
        let starting = began.elapsed();
        // All have the arrays: without their names, nothing stays whatever ends this run.
        elevation.destroy()?;
        shared.destroy()?;
        if args.hold {
            let pids: Vec<String> = crew.pids().map(|pid| pid.to_string()).collect();
            say(format_args!("workers: {}", pids.join(" ")))?;
            stdin().read_line(&mut String::new())?;
        }

        let bar = bar(shape.0)?;
        let began = Instant::now();
        crew.run(|rows| bar.inc(rows as u64))?;
        let together = began.elapsed();
        bar.finish_and_clear();

        // SAFETY: the elevation has not been written since it was read.
        let heights = unsafe { elevation.view() };
        // SAFETY: the workers have ended, and nobody else has the array.
        let result = unsafe { shared.view() };
        let mut expected = Array2::zeros(shape);
        let began = Instant::now();
        shade(heights, 0..shape.0, &light, expected.view_mut());
        let alone = began.elapsed();
        for ((index, ours), theirs) in expected.indexed_iter().zip(result) {
            if ours.to_bits() != theirs.to_bits() {
                bail!(
                    "wrong result: {theirs} at {index:?}, one process has {ours}; please report it"
                );
            }
        }

        let written = png.finish(|file| picture::write(result, file))?;
        say(format_args!("wrote {}", written.display()))?;
        if let Some(npy) = npy {
            let written = npy.finish(|file| write_npy(result, file))?;
            say(format_args!("wrote {}", written.display()))?;
        }
        let summary = Summary {
            shape,
            backend,
            start: args.start,
            workers,
            starting,
            together,
            alone,
            bytes: elevation.size_bytes() + shared.size_bytes(),
            memory,
        };
        say(format_args!("{summary}"))?;
        Ok(())
    }
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

/// Makes a shared array of zeros.
fn array<T: Element>(
    args: &Args,
    prefix: &str,
    shape: (usize, usize),
) -> Result<SharedArray<T, Ix2>> {
    let workers = match args.start {
        Start::Spawn => Workers::Spawned,
        Start::Fork => Workers::Forked,
    };
    let mut builder = SharedArray::builder(shape).unique(prefix).workers(workers);
    if let Some(backend) = args.backend.kind() {
        builder = builder.backend(backend);
    }
    builder.zeros().with_context(|| {
        let (rows, columns) = shape;
        format!("no array of {rows} x {columns} cells; try another --backend or a smaller --scale")
    })
}

/// The backend of an array, and why it has that.
fn why<T: Element>(array: &SharedArray<T, Ix2>) -> String {
    match array.selection() {
        Some(selection) => selection.to_string(),
        None => format!("{}, as --backend asks", array.backend()),
    }
}

fn bar(rows: usize) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} rows, {elapsed}")?;
    Ok(ProgressBar::new(rows as u64).with_style(style))
}
