//! The work of a worker, forked or spawned: it maps the arrays, and takes chunks of the result
//! and fills them, until all are done.

use std::io::{PipeWriter, Write};
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Result, ensure};
use ndarray::Ix2;
use rustix::event::pause;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use shmarray::{BackendKind, GuardedArray, sync::Chunk, transfer};

use crate::horn::{self, Light};
use crate::maps::Memory;
use crate::protocol::Report;

/// The key under which a spawned worker is handed the elevation.
pub(crate) const ELEVATION: &str = "elevation";
/// The key under which a spawned worker is handed the array for the result.
pub(crate) const SHADE: &str = "shade";

/// The exit code of a panic.
const PANICKED: u8 = 101;

/// The shared arrays. Their elements are reached through guards and claims only.
#[derive(Clone, Copy)]
pub(crate) struct Arrays<'a> {
    pub(crate) elevation: &'a GuardedArray<f64, Ix2>,
    pub(crate) shade: &'a GuardedArray<f32, Ix2>,
}

impl Arrays<'_> {
    /// The memory that this process sees.
    pub(crate) fn memory(&self) -> Memory {
        Memory::behind(self.elevation.raw_view().as_ptr(), self.shade.raw_view().as_ptr())
    }
}

/// The work on the arrays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Orders {
    /// The process that starts the workers.
    pub(crate) parent: i32,
    /// How many rows a chunk has.
    pub(crate) rows: NonZeroUsize,
    pub(crate) light: Light,
    /// Whether the worker with the middle chunk is to be killed.
    pub(crate) kill_one: bool,
}

/// Takes chunk after chunk and fills it, until all are done, by whomever. `taken` is shown each
/// before it is filled.
///
/// # Errors
/// If the elevation cannot be read, or a chunk cannot be claimed; those of `taken`.
pub(crate) fn fill(
    arrays: Arrays<'_>,
    orders: &Orders,
    mut taken: impl FnMut(&mut Chunk<'_, f32, Ix2>) -> Result<()>,
) -> Result<()> {
    let elevation = arrays.elevation.read()?;
    for chunk in arrays.shade.chunks(orders.rows.get())? {
        let mut chunk = chunk?;
        taken(&mut chunk)?;
        horn::shade(elevation.view(), chunk.range(), &orders.light, chunk.view_mut());
        chunk.done();
    }
    Ok(())
}

/// The life of a spawned worker, a new program: it takes the arrays that it was handed, and reports
/// to standard output. Gives its exit code.
pub(crate) fn spawned(orders: &Orders) -> u8 {
    let reports = std::io::stdout();
    reporting(orders, &reports, || {
        let elevation = transfer::take(ELEVATION)?.typed()?;
        let shade = transfer::take(SHADE)?.typed()?;
        work(Arrays { elevation: &elevation, shade: &shade }, orders, &reports)
    })
}

/// The life of a forked worker, a copy of the process that has the arrays. Anonymous mappings it
/// finds by their names, as a descendant that was not told of these handles would. Gives its exit
/// code: nothing else leaves this function, which would return into the program of the parent.
pub(crate) fn forked(arrays: Arrays<'_>, orders: &Orders, reports: &PipeWriter) -> u8 {
    let life = || {
        reporting(orders, reports, || {
            let Arrays { elevation, shade } = arrays;
            if elevation.backend() != BackendKind::Mmap || shade.backend() != BackendKind::Mmap {
                return work(arrays, orders, reports);
            }
            let elevation = GuardedArray::attach(elevation.name().as_str())?;
            let shade = GuardedArray::attach(shade.name().as_str())?;
            work(Arrays { elevation: &elevation, shade: &shade }, orders, reports)
        })
    };
    catch_unwind(AssertUnwindSafe(life)).unwrap_or(PANICKED)
}

/// Does a worker's part. If it fails, that is reported.
fn reporting<W>(orders: &Orders, reports: &W, part: impl FnOnce() -> Result<()>) -> u8
where
    for<'a> &'a W: Write,
{
    let Err(error) = end_with(orders.parent).and_then(|()| part()) else { return 0 };
    // If nobody listens any more, there is nobody to tell.
    let _ = Report::Failed(format!("{error:#}")).write(reports);
    1
}

fn work(arrays: Arrays<'_>, orders: &Orders, mut reports: impl Write) -> Result<()> {
    Report::Ready(arrays.memory()).write(&mut reports)?;
    let middle = arrays.shade.chunks(orders.rows.get())?.progress()?.chunks / 2;
    fill(arrays, orders, |chunk| {
        if chunk.is_retry() {
            Report::Again(chunk.index()).write(&mut reports)?;
        } else if orders.kill_one && chunk.index() == middle {
            chunk.fill(f32::NAN); // what is left of it is not what it shall be
            Report::Holds(middle).write(&mut reports)?;
            loop {
                pause();
            }
        }
        Ok(())
    })
}

/// Sees to it that this process is killed when the one that started it dies.
fn end_with(parent: i32) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have died before.
    ensure!(Pid::as_raw(getppid()) == parent, "the process that started it is gone");
    Ok(())
}
