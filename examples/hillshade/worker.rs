//! What a worker does, however it was started: it maps the arrays, waits at the gate, and fills
//! the rows of its band.
#![allow(unsafe_code)] // views of shared memory: see `work`

use std::any::Any;
use std::io::{PipeReader, PipeWriter, Write};
use std::ops::Range;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Result, ensure};
use ndarray::{Axis, Ix2, s};
use shmarray::{BackendKind, Elements, ReadOnlyArray, SharedArray, pass};

use crate::horn::{self, Light};
use crate::maps::Memory;
use crate::protocol::Report;

/// The key under which a spawned worker is handed the elevation.
pub(crate) const ELEVATION: &str = "elevation";
/// The key under which a spawned worker is handed the array for the result.
pub(crate) const SHADE: &str = "shade";

/// A worker reports its progress so many times, more or less.
const REPORTS: usize = 100;

/// What one worker is to do.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) rows: Range<usize>,
    pub(crate) light: Light,
}

/// The life of a spawned worker, a new program: it takes the arrays that it was handed. The gate
/// is its standard input, and its reports go to standard output. Gives its exit code.
pub(crate) fn spawned(task: &Task) -> u8 {
    let reports = std::io::stdout();
    reporting(&reports, || {
        let elevation: ReadOnlyArray<f64, Ix2> = pass::take(ELEVATION)?.typed()?;
        let shade: SharedArray<f32, Ix2> = pass::take(SHADE)?.typed()?;
        work(task, &elevation.elements(), &shade, std::io::stdin(), &reports)
    })
}

/// The life of a forked worker, a copy of the process that has the arrays. Anonymous mappings it
/// finds by their names, as a descendant that was not told of these handles would. Gives its exit
/// code.
pub(crate) fn forked(
    task: &Task,
    elevation: &SharedArray<f64, Ix2>,
    shade: &SharedArray<f32, Ix2>,
    gate: &PipeReader,
    reports: &PipeWriter,
) -> u8 {
    reporting(reports, || {
        if elevation.backend() != BackendKind::Mmap || shade.backend() != BackendKind::Mmap {
            return work(task, &elevation.elements(), shade, gate, reports);
        }
        let elevation = SharedArray::<f64, Ix2>::attach(elevation.name().as_str())?;
        let shade = SharedArray::attach(shade.name().as_str())?;
        work(task, &elevation.elements(), &shade, gate, reports)
    })
}

/// Runs a worker's part. If it fails, or panics, that is reported: nothing of it leaves this
/// function, which in a forked worker would return into the program of its parent.
fn reporting<W>(reports: &W, part: impl FnOnce() -> Result<()>) -> u8
where
    for<'a> &'a W: Write,
{
    let why = match catch_unwind(AssertUnwindSafe(part)) {
        Ok(Ok(())) => return 0,
        Ok(Err(error)) => format!("{error:#}"),
        Err(panic) => format!("it panicked: {}", message(&*panic)),
    };
    // If nobody listens any more, there is nobody to tell.
    let _ = Report::Failed(why).write(reports);
    1
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref().copied()).unwrap_or("without a message")
}

fn work(
    task: &Task,
    elevation: &Elements<'_, f64, Ix2>,
    shade: &SharedArray<f32, Ix2>,
    gate: impl AsFd,
    mut reports: impl Write,
) -> Result<()> {
    let memory = Memory::behind(elevation.raw_view().as_ptr(), shade.raw_view().as_ptr());
    Report::Ready(memory).write(&mut reports)?;
    // Not through `Stdin`: it reads ahead, and would take the bytes of other workers.
    let passed = rustix::io::retry_on_intr(|| rustix::io::read(&gate, &mut [0]))?;
    ensure!(passed == 1, "the process that started it is gone");

    let Range { start, end } = task.rows;
    let band = shade.slice(s![start..end, ..])?;
    // SAFETY: the elevation was filled before any worker started, and nobody writes it afterwards.
    let elevation = unsafe { elevation.view() };
    // SAFETY: the bands of the workers do not overlap, and the process that started them reads
    // the result only after they have ended.
    let mut band = unsafe { band.view_mut() };

    let height = task.rows.len().div_ceil(REPORTS).max(1);
    let mut first = start;
    for chunk in band.axis_chunks_iter_mut(Axis(0), height) {
        let rows = first..first + chunk.nrows();
        first = rows.end;
        let report = Report::Rows(rows.len());
        horn::shade(elevation, rows, &task.light, chunk);
        report.write(&mut reports)?;
    }
    Ok(Report::Done.write(&mut reports)?)
}
