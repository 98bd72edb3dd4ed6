//! `shmarray show`: elements as NumPy prints them, or as a picture.
//!
//! Only what is printed is read: the corners of an array of a tebibyte cost a few pages.

mod brackets;
mod colours;
mod elements;
mod floats;
mod gather;
mod glyphs;
mod picture;
mod slice;
mod times;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::ValueHint;
use clap::error::{ContextKind, ContextValue};
use clap_complete::engine::ArgValueCandidates;
use shmarray::{DType, memory::Window};

use self::brackets::PrintedIndices;
use self::elements::Formatter;
use self::gather::Read;
use crate::out::Out;
use crate::{candidates, exit, lookup, output_file};

/// From this number of elements on only the ends of each axis are printed, as NumPy's `threshold`.
const THRESHOLD: usize = 1000;

/// The most elements of a summary: six in each of seven axes, about.
const MAX_SUMMARY: usize = 300_000;

const HELP: &str = "\
Of more than 1000 elements the ends of each axis are printed, and only these
are read. What others write meanwhile may be half in it. In a terminal, lines
are as long as it is wide; elsewhere, as NumPy's.

Examples:
  shmarray show elevation
  shmarray show elevation '100:104, ::50'    as NumPy means it: start:stop:step
  shmarray show elevation -1 --all           every element of the last row
  shmarray show elevation --png elevation.png --min 0
";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// The array: its name, or PID:FD
    #[arg(add = ArgValueCandidates::new(candidates::arrays))]
    name: String,
    /// Which part, as NumPy writes it: `2:8,::-1,0`, `...`, `-1`
    #[arg(allow_hyphen_values = true)]
    slice: Option<String>,
    /// Print every element, also of more than 1000
    #[arg(long, conflicts_with = "png")]
    all: bool,
    /// Draw the part into this file; one that is there is replaced. It has two dimensions, or is an
    /// image: of |u1, with red, green, blue and perhaps opacity in its last axis
    #[arg(long, value_name = "FILE", value_parser = output_file::parser(), value_hint = ValueHint::FilePath)]
    png: Option<PathBuf>,
    /// The number that gets the lowest colour [default: the lowest in the picture]
    #[arg(long, value_name = "NUMBER", requires = "png", allow_negative_numbers = true)]
    min: Option<f64>,
    /// The number that gets the highest colour [default: the highest in the picture]
    #[arg(long, value_name = "NUMBER", requires = "png", allow_negative_numbers = true)]
    max: Option<f64>,
}

pub(crate) fn run(arguments: &Arguments, out: &mut Out) -> Result<ExitCode> {
    let segment =
        lookup::find(&arguments.name).map_err(|error| without_brackets(&arguments.name, error))?;
    let header = segment.header();
    let mut window = Window::whole(header.layout());
    if let Some(slice) = &arguments.slice {
        window = slice::select(&window, slice)?;
    }
    let read: Read<'_> = &|to, offset| segment.read_at(to, offset);
    match &arguments.png {
        Some(path) => {
            let range = (arguments.min, arguments.max);
            picture::draw(read, header.dtype(), &window, range, path, out)?;
        }
        None => {
            let columns = out.size().map_or(brackets::LINE, |(columns, _)| columns);
            print(read, header.dtype(), &window, (arguments.all, columns), out)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Adds what to write to the error of a command line whose slice is in several arguments.
pub(crate) fn explain(error: &mut clap::Error) {
    let is_show = std::env::args_os().nth(1).is_some_and(|argument| argument == "show");
    if is_show
        && error.kind() == clap::error::ErrorKind::UnknownArgument
        && let Some(ContextValue::String(text)) = error.get(ContextKind::InvalidArg)
        && !text.starts_with("--")
    {
        let tip = "write the slice as one argument: show NAME '0:3, 0:3'".into();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
}

/// What to write instead of `name[slice]`, where there is no array of that name.
fn without_brackets(text: &str, error: anyhow::Error) -> anyhow::Error {
    let parts = text.strip_suffix(']').and_then(|text| text.split_once('['));
    match parts {
        Some((name, slice)) if exit::number(&error) == exit::NOT_FOUND => exit::refused(
            exit::NOT_FOUND,
            format!(
                "there is no array {text:?}; write the slice as one argument: show {name} '{slice}'"
            ),
        ),
        _ => error,
    }
}

/// Prints the elements of a window in lines of so many columns; every element, or the ends of each axis
/// where there are many.
fn print(
    read: Read<'_>,
    dtype: &DType,
    window: &Window,
    (is_all, columns): (bool, usize),
    out: &mut dyn Write,
) -> Result<()> {
    let count = window.len().unwrap_or(usize::MAX);
    let is_summary = count > THRESHOLD && !is_all;
    let shown = PrintedIndices::new(&window.shape, is_summary);
    if is_summary && shown.len().is_none_or(|len| len > MAX_SUMMARY) {
        let (ndim, len) = (window.shape.len(), shown.len().unwrap_or(usize::MAX));
        bail!(
            "the corners of {ndim} dimensions are {len} elements, more than {MAX_SUMMARY}; take a \
             slice"
        );
    }
    let itemsize = dtype.itemsize();
    let elements = gather::gather(read, window, &shown, itemsize)?;
    if window.shape.is_empty() {
        writeln!(out, "{}", Formatter::of_scalar(dtype, &elements).word(&elements))?;
        return Ok(());
    }
    let formatter = Formatter::of_array(dtype, &elements);
    shown.print(columns, out, &mut |number| {
        let at = number * itemsize;
        formatter.word(elements.get(at..at + itemsize).unwrap_or_default())
    })?;
    Ok(())
}

#[cfg(test)]
mod tests;
