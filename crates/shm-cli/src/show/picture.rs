//! A part of an array as a PNG: one colour for each element, or for each block of a large one.

mod colour_image;
mod png_file;
mod sampling;
mod scaled;

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use shm_survey::printable;
use shmarray::{DType, memory::Window};

use self::colour_image::Colours;
use self::sampling::Means;
use self::scaled::short;
use super::colours::Scale;
use super::elements;
use super::gather::Read;
use crate::out::Out;
use crate::output_file;
use crate::shape::python_shape;

/// Pixels of the longer side, at least: small arrays are enlarged to that, in whole steps.
const MIN_SIDE: usize = 256;

/// Draws a window into a file, which appears in one step.
pub(super) fn draw(
    read: Read<'_>,
    dtype: &DType,
    window: &Window,
    range: (Option<f64>, Option<f64>),
    path: &Path,
    out: &mut Out,
) -> Result<()> {
    let shape = python_shape(&window.shape);
    let is_image = Colours::are_in(&dtype.to_string(), &window.shape);
    ensure!(
        window.shape.len() == 2 || is_image,
        "a picture has 2 dimensions, or 3 of |u1 with 3 or 4 colours at the end; this has shape \
         {shape}: take a slice"
    );
    ensure!(!window.is_empty(), "there is nothing to draw in shape {shape}");
    check(range, is_image)?;
    let cannot = || format!("cannot write {}", path.display());
    output_file::check_folder(path).with_context(cannot)?;
    let (png, sides, what) = if is_image {
        let colours = Colours::read(read, window)?;
        let zoom = zoom(colours.width, colours.height);
        (colours.encode(zoom)?, [colours.height, colours.width], "colours".to_owned())
    } else {
        let Some(number) = elements::number(dtype) else {
            bail!("{} has no order that colours could show", printable(&dtype.to_string()));
        };
        let means = Means::read(read, dtype.itemsize(), &number, window)?;
        let zoom = zoom(means.width, means.height);
        let png = scaled::encode(&means, zoom, scale(&means, range))?;
        let what = match means.range() {
            Some((low, high)) => format!("elements from {} to {}", short(low), short(high)),
            None => "elements, none of them finite".to_owned(),
        };
        (png, [means.height, means.width], what)
    };
    png_file::write(path, &png).with_context(cannot)?;
    let zoom = zoom(sides[1], sides[0]);
    let (width, height) = (sides[1] * zoom, sides[0] * zoom);
    let means = if sides == window.shape[..2] { "" } else { "means of " };
    let file = printable(&path.display().to_string()).into_owned();
    let told = format!("{file}: {width} x {height} pixels, {means}{what}");
    out.done(&format!("{file} is written"), &told)
}

/// Refuses ends of the scale that no colour can stand for.
fn check((min, max): (Option<f64>, Option<f64>), is_image: bool) -> Result<()> {
    for limit in [min, max].into_iter().flatten() {
        ensure!(
            limit.is_finite(),
            "a colour for {limit} is not possible: --min and --max are finite"
        );
        ensure!(!is_image, "its elements are colours already: leave out --min and --max");
    }
    if let (Some(min), Some(max)) = (min, max) {
        ensure!(min < max, "--min {min} is not below --max {max}");
    }
    Ok(())
}

/// The numbers that get the first and the last colour: those asked for, or those found.
fn scale(means: &Means, (min, max): (Option<f64>, Option<f64>)) -> Option<Scale> {
    means.range().or(min.zip(max)).map(|(low, high)| {
        let low = min.unwrap_or(low.min(max.unwrap_or(low)));
        Scale { min: low, max: max.unwrap_or(high).max(low) }
    })
}

/// How many pixels of the picture each of these takes, along each side.
fn zoom(width: usize, height: usize) -> usize {
    (MIN_SIDE / width.max(height)).max(1)
}
