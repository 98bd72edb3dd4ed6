//! The elements of a large array that a picture is made of.

use anyhow::Result;
use shmarray::memory::Window;

use crate::bar::Bar;
use crate::show::gather::{Line, Read};

/// Pixels of the longer side, at most.
const MAX_SIDE: usize = 2048;

/// Pixels that the shorter side keeps, if it has so many elements.
pub(super) const MIN_SHORT: usize = 64;

/// A pixel is the mean of so many rows and columns of its block, at most.
const SAMPLES: usize = 4;

/// The numbers of the pixels, row by row, of a window of two dimensions.
pub(super) struct Means {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<f64>,
}

impl Means {
    /// Reads what the pixels are the means of; `number` takes an element of `itemsize` bytes.
    pub(super) fn read(
        read: Read<'_>,
        itemsize: usize,
        number: &dyn Fn(&[u8]) -> f64,
        window: &Window,
    ) -> Result<Self> {
        let [height, width] = sides([window.shape[0], window.shape[1]]);
        // Along memory, whatever the order of the axes.
        let is_turned = window.strides[0].unsigned_abs() < window.strides[1].unsigned_abs();
        let (lines, columns) = if is_turned { (1, 0) } else { (0, 1) };
        let samples = |axis: usize| Samples::new(window.shape[axis], [height, width][axis]);
        let (lines_of, columns_of) = (samples(lines), samples(columns));
        let mut means = vec![Mean::default(); height * width];
        let mut line = Line::new(read, itemsize);
        let mut bar = Bar::new("rows");
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
            bar.at(done, lines_of.indices.len() as u64);
        }
        Ok(Self { width, height, values: means.iter().map(|mean| mean.value()).collect() })
    }

    /// The lowest and the highest finite number.
    pub(super) fn range(&self) -> Option<(f64, f64)> {
        let finite = self.values.iter().copied().filter(|value| value.is_finite());
        finite.fold(None, |range, value| {
            let (low, high) = range.unwrap_or((value, value));
            Some((value.min(low), value.max(high)))
        })
    }
}

/// The indices of an axis that are read, and the pixel that each belongs to.
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
}
