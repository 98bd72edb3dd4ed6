//! `shmarray save`: the elements of an array in a `.npy` file, read by `pread`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::ValueHint;
use clap_complete::engine::ArgValueCandidates;
use shm_npy::NpyWriter;
use shm_survey::{SegmentInfo, printable};

use crate::bar::Bar;
use crate::out::{Out, tell};
use crate::{candidates, lookup, output_file};

/// Bytes of a piece that is read and written.
const PIECE: usize = 1 << 20;

const HELP: &str = "\
The file appears in one step, when it is whole and on the disk; one of that
name is replaced then. It keeps the order of the array, C or Fortran.

Nobody is kept from writing to the array meanwhile: if somebody has it, that
is said. A program that has it guarded can save it under its lock
(`GuardedArray::save`).

Examples:
  shmarray save elevation elevation.npy
  shmarray save 4711:5 tile.npy    a memfd: file descriptor 5 of process 4711
";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// Its name, or the process and the file descriptor: PID:FD
    #[arg(add = ArgValueCandidates::new(candidates::arrays))]
    name: String,
    /// The file; one that is there is replaced
    #[arg(value_parser = output_file::parser(), value_hint = ValueHint::FilePath)]
    file: PathBuf,
}

pub(crate) fn run(arguments: &Arguments, out: &mut Out) -> Result<ExitCode> {
    let segment = lookup::find(&arguments.name)?;
    let file = &arguments.file;
    let cannot = || format!("cannot save {}", arguments.name);
    output_file::check_folder(file).with_context(cannot)?;
    warn(&segment);
    write(&segment, file).with_context(cannot)?;
    let bytes = segment.header().layout().nbytes();
    let file = printable(&file.display().to_string()).into_owned();
    out.done(&format!("{file} is saved"), &format!("{file}: {bytes} bytes of elements"))?;
    Ok(ExitCode::SUCCESS)
}

/// Says what may be wrong with the elements.
fn warn(segment: &SegmentInfo) {
    let header = segment.header();
    if segment.is_frozen() {
        return;
    }
    let name = header.name();
    if header.guarded() {
        match segment.lock_state() {
            Ok(state) if state.poisoned => {
                tell(format_args!("{name} may be poisoned: somebody died while writing to it"));
            }
            Ok(state) if state.holder_alive => {
                tell(format_args!("{name} is being written to now, under its lock"));
            }
            // A writer that begins now is not seen either way.
            Ok(_) | Err(_) => {}
        }
    }
    if segment.is_in_use().unwrap_or(true) {
        tell(format_args!(
            "{name} is in use: what others write to it meanwhile may be in the file or not"
        ));
    }
}

fn write(segment: &SegmentInfo, file: &Path) -> Result<()> {
    let header = segment.header();
    let layout = header.layout();
    let mut writer = NpyWriter::create(file, header.dtype(), layout.shape(), layout.order())?;
    let all = layout.nbytes();
    let mut bar = Bar::new("bytes");
    let mut piece = vec![0; PIECE.min(all)];
    let mut done = 0;
    while done < all {
        let part = &mut piece[..PIECE.min(all - done)];
        segment.read_at(part, done as u64)?;
        writer.write(part)?;
        done += part.len();
        bar.at(done as u64, all as u64);
    }
    Ok(writer.finish()?)
}
