//! A part of two dimensions as a PNG: one colour for each element, or for each block of a large one.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Resource, getrlimit};
use shm_survey::printable;
use shmarray::{DType, memory::Window};

use super::colours::Scale;
use super::gather::{Line, Read};
use super::{elements, floats, glyphs};
use crate::out::Out;
use crate::overview::python_shape;
use crate::progress::Progress;
use crate::target;

/// Pixels of the longer side, at most.
const MAX_SIDE: usize = 2048;

/// Pixels of the longer side, at least: small arrays are enlarged to that, in whole steps.
const MIN_SIDE: usize = 256;

/// Pixels that the shorter side keeps, if it has so many elements.
const MIN_SHORT: usize = 64;

/// A pixel is the mean of so many rows and columns of its block, at most.
const SAMPLES: usize = 4;

/// The bar and the blanks around it, and points of a glyph, in pixels.
const GAP: usize = 8;
const BAR: usize = 16;
const POINT: usize = 2;

const WHITE: [u8; 3] = [255, 255, 255];
const BLACK: [u8; 3] = [0, 0, 0];

/// Draws a window into a file, which appears in one step.
pub(super) fn draw(
    read: Read<'_>,
    dtype: &DType,
    window: &Window,
    (min, max): (Option<f64>, Option<f64>),
    path: &Path,
    out: &mut Out,
) -> Result<()> {
    ensure!(
        window.shape.len() == 2,
        "a picture has 2 dimensions, this has shape {}; take a slice",
        python_shape(&window.shape)
    );
    ensure!(
        !window.is_empty(),
        "there is nothing to draw in shape {}",
        python_shape(&window.shape)
    );
    for limit in [min, max].into_iter().flatten() {
        ensure!(
            limit.is_finite(),
            "a colour for {limit} is not possible: --min and --max are finite"
        );
    }
    if let (Some(min), Some(max)) = (min, max) {
        ensure!(min < max, "--min {min} is not below --max {max}");
    }
    let cannot = || format!("cannot write {}", path.display());
    target::check_folder(path).with_context(cannot)?;
    let pixels = Pixels::read(read, dtype, window)?;
    let found = pixels.range();
    let scale = found.or(min.zip(max)).map(|(low, high)| {
        let low = min.unwrap_or(low.min(max.unwrap_or(low)));
        Scale { min: low, max: max.unwrap_or(high).max(low) }
    });
    write(path, &encode(&pixels, scale)?).with_context(cannot)?;
    let (width, height) = (pixels.width * pixels.zoom(), pixels.height * pixels.zoom());
    write!(out, "{}: {width} x {height} pixels, ", printable(&path.display().to_string()))?;
    let is_whole = [pixels.height, pixels.width] == window.shape[..];
    let what = if is_whole { "elements" } else { "means of elements" };
    match found {
        Some((low, high)) => writeln!(out, "{what} from {} to {}", short(low), short(high))?,
        None => writeln!(out, "{what}, none of them finite")?,
    }
    Ok(())
}

/// What is drawn, row by row.
struct Pixels {
    width: usize,
    height: usize,
    values: Vec<f64>,
}

impl Pixels {
    fn read(read: Read<'_>, dtype: &DType, window: &Window) -> Result<Self> {
        let Some(number) = elements::number(dtype) else {
            bail!("{} has no order that colours could show", printable(&dtype.to_string()));
        };
        let [height, width] = sides([window.shape[0], window.shape[1]]);
        // Along memory, whatever the order of the axes.
        let is_turned = window.strides[0].unsigned_abs() < window.strides[1].unsigned_abs();
        let (lines, columns) = if is_turned { (1, 0) } else { (0, 1) };
        let samples = |axis: usize| Samples::new(window.shape[axis], [height, width][axis]);
        let (lines_of, columns_of) = (samples(lines), samples(columns));
        let mut means = vec![Mean::default(); height * width];
        let mut line = Line::new(read, dtype.itemsize());
        let mut progress = Progress::new("rows");
        let mut done = 0;
        for (y, index) in lines_of.iter() {
            let step = window.strides[lines].wrapping_mul(index.cast_signed());
            let from = window.offset.wrapping_add_signed(step);
            let indices = columns_of.indices.iter().copied();
            line.read(from, window.strides[columns], indices, |x, bytes| {
                let x = columns_of.pixels[x];
                let at = if is_turned { x * width + y } else { y * width + x };
                means[at].add(number(bytes));
            })?;
            done += 1;
            progress.at(done, lines_of.indices.len() as u64);
        }
        Ok(Self { width, height, values: means.iter().map(|mean| mean.value()).collect() })
    }

    /// How many pixels of the picture each of these takes, along each side.
    fn zoom(&self) -> usize {
        (MIN_SIDE / self.width.max(self.height)).max(1)
    }

    /// The lowest and the highest finite number.
    fn range(&self) -> Option<(f64, f64)> {
        let finite = self.values.iter().copied().filter(|value| value.is_finite());
        finite.fold(None, |range, value| {
            let (low, high) = range.unwrap_or((value, value));
            Some((value.min(low), value.max(high)))
        })
    }
}

/// Which indices of an axis are read, and which pixel each belongs to.
struct Samples {
    indices: Vec<usize>,
    pixels: Vec<usize>,
}

impl Samples {
    fn new(len: usize, side: usize) -> Self {
        let (mut indices, mut pixels) = (Vec::new(), Vec::new());
        for pixel in 0..side {
            let (start, end) = (scaled(pixel, len, side), scaled(pixel + 1, len, side));
            let count = (end - start).min(SAMPLES);
            for sample in 0..count {
                // The middles of as many equal parts.
                indices.push(start + scaled(2 * sample + 1, end - start, 2 * count));
                pixels.push(pixel);
            }
        }
        Self { indices, pixels }
    }

    fn iter(&self) -> impl Iterator<Item = (usize, usize)> {
        self.pixels.iter().copied().zip(self.indices.iter().copied())
    }
}

/// `part` of `all`, of a length.
fn scaled(part: usize, len: usize, all: usize) -> usize {
    let place = part as u128 * len as u128 / all as u128;
    usize::try_from(place).unwrap_or(len)
}

/// Pixels of each side.
fn sides(shape: [usize; 2]) -> [usize; 2] {
    let longest = shape[0].max(shape[1]);
    let most = longest.min(MAX_SIDE);
    shape.map(|len| scaled(most, len, longest).max(len.min(MIN_SHORT)))
}

/// The mean of finite numbers; if there are none, the last of the others.
#[derive(Clone, Copy, Default)]
struct Mean {
    count: u32,
    mean: f64,
    other: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        if value.is_finite() {
            self.count += 1;
            let count = f64::from(self.count);
            // In parts, so that the largest numbers do not overflow.
            self.mean += value / count - self.mean / count;
        } else {
            self.other = value;
        }
    }

    fn value(self) -> f64 {
        if self.count > 0 { self.mean } else { self.other }
    }
}

/// Writes the whole file at once: a signal in that moment may leave the temporary one.
fn write(path: &Path, png: &[u8]) -> Result<()> {
    // Beyond the limit the kernel sends SIGXFSZ, which kills. See setrlimit(2).
    if let Some(most) = getrlimit(Resource::Fsize).current {
        ensure!(
            png.len() as u64 <= most,
            "it has {} bytes, and RLIMIT_FSIZE allows {most}: raise it with `ulimit -f`",
            png.len()
        );
    }
    // Through a link, to what it leads to.
    let path = path.canonicalize().unwrap_or_else(|_| path.into());
    if let Ok(about) = path.symlink_metadata() {
        ensure!(about.is_file(), "it is not a regular file, so it is not replaced");
    }
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let mut file = tempfile::Builder::new()
        .prefix(".shmarray-")
        .suffix(".png")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)) // less the umask
        .tempfile_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(png)?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

/// The bytes of the file.
fn encode(pixels: &Pixels, scale: Option<Scale>) -> Result<Vec<u8>> {
    let Pixels { width, height, .. } = *pixels;
    let zoom = pixels.zoom();
    let labels = scale.map(|scale| [short(scale.max), short(scale.min)]);
    let text = labels.iter().flatten().map(String::len).max().unwrap_or(0);
    let bar_at = width * zoom + GAP;
    let text_at = bar_at + BAR + GAP;
    let all_width = text_at + text * glyphs::WIDTH * POINT;
    let all_height = (height * zoom).max(MIN_SHORT);
    let mut file = Vec::new();
    let mut encoder =
        png::Encoder::new(&mut file, u32::try_from(all_width)?, u32::try_from(all_height)?);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    let mut rows = writer.stream_writer()?;
    let low_at = all_height - glyphs::HEIGHT * POINT;
    let ink = |text: &str, x: usize, y: usize| glyphs::has_ink(text, x / POINT, y / POINT);
    for y in 0..all_height {
        for x in 0..all_width {
            let colour = match (scale, &labels) {
                _ if x < width * zoom && y < height * zoom => {
                    let value = pixels.values[y / zoom * width + x / zoom];
                    // Without a scale there is only what is not finite.
                    scale.unwrap_or(Scale { min: 0.0, max: 0.0 }).colour(value)
                }
                (Some(Scale { min, max }), _) if (bar_at..bar_at + BAR).contains(&x) => {
                    let bar = Scale { min: 0.0, max: (all_height - 1) as f64 };
                    let level = (all_height - 1 - y) as f64;
                    if min < max { bar.colour(level) } else { bar.colour(0.0) }
                }
                (_, Some([high, low])) if x >= text_at => {
                    let is_ink = ink(high, x - text_at, y)
                        || y >= low_at && ink(low, x - text_at, y - low_at);
                    if is_ink { BLACK } else { WHITE }
                }
                _ => WHITE,
            };
            rows.write_all(&colour)?;
        }
    }
    rows.finish()?;
    writer.finish()?;
    Ok(file)
}

/// A number in at most six digits.
fn short(value: f64) -> String {
    let rounded = format!("{value:.5e}").parse().unwrap_or(value);
    let text = floats::alone(floats::Kind::F64, rounded);
    text.strip_suffix(".0").map_or(text.clone(), Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_stay_within_bounds_and_in_proportion() {
        assert_eq!(sides([344, 403]), [344, 403]);
        assert_eq!(sides([4096, 2048]), [2048, 1024]);
        assert_eq!(sides([1, 1]), [1, 1]);
        assert_eq!(sides([10, 1 << 40]), [10, 2048]);
        assert_eq!(sides([1 << 40, 100]), [2048, 64]);
        assert_eq!(sides([usize::MAX >> 1, 1]), [2048, 1]);
    }

    #[test]
    fn samples_are_spread_over_their_blocks() {
        let all = Samples::new(5, 5);
        assert_eq!(all.indices, [0, 1, 2, 3, 4]);
        let few = Samples::new(1 << 40, 2);
        assert_eq!(few.pixels, [0, 0, 0, 0, 1, 1, 1, 1]);
        let part = 1 << 36;
        assert_eq!(few.indices, [1, 3, 5, 7, 9, 11, 13, 15].map(|odd| odd * part));
        let uneven = Samples::new(7, 3);
        assert_eq!(uneven.indices, [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(uneven.pixels, [0, 0, 1, 1, 2, 2, 2]);
    }

    #[test]
    fn means_are_of_what_is_finite() {
        let mean = |values: &[f64]| {
            let mut mean = Mean::default();
            values.iter().for_each(|value| mean.add(*value));
            mean.value()
        };
        assert_eq!(mean(&[1.0, f64::NAN, 3.0]), 2.0);
        assert!(mean(&[f64::NAN]).is_nan());
        assert_eq!(mean(&[f64::INFINITY]), f64::INFINITY);
        assert!(mean(&[f64::MAX; 16]).is_finite());
        assert!(mean(&[f64::MAX, f64::MIN, f64::MAX]).is_finite());
    }

    #[test]
    fn labels_have_six_digits() {
        assert_eq!(short(123_456.789), "123457");
        assert_eq!(short(0.1 + 0.2), "0.3");
        assert_eq!(short(-1.0), "-1");
        assert_eq!(short(1e300), "1e+300");
    }
}
