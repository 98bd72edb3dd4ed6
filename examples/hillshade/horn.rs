//! The hillshade of Horn (1981): the pure computation, for a band of rows.
//!
//! Of the 3x3 window `a b c / d e f / g h i` around a cell,
//!
//! ```text
//! dz/dx  = ((c + 2f + i) - (a + 2d + g)) / (8 dx)
//! dz/dy  = ((g + 2h + i) - (a + 2b + c)) / (8 dy)
//! slope  = atan(z hypot(dz/dx, dz/dy))
//! aspect = atan2(dz/dy, -dz/dx)
//! value  = 255 max(0, cos(zenith) cos(slope) + sin(zenith) sin(slope) cos(az - aspect))
//! ```
//!
//! The trigonometry of a cell cancels: with `p = z dz/dx`, `q = z dz/dy`,
//!
//! ```text
//! cos(slope)                    = 1 / sqrt(1 + p² + q²)
//! sin(slope) cos(az - aspect)   = (q sin(az) - p cos(az)) / sqrt(1 + p² + q²)
//! ```
//!
//! It is computed in `f64` and rounded once, to the `f32` of the result. A cell depends on its
//! window alone, through operations that IEEE 754 rounds in one way only, so that the bits of the
//! result do not depend on how the rows are shared out.

use std::ops::Range;

use ndarray::{ArrayView1, ArrayView2, ArrayViewMut2};

/// Where the light stands, and what the heights mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Light {
    /// Degrees from north, clockwise.
    pub(crate) azimuth: f64,
    /// Degrees above the horizon.
    pub(crate) altitude: f64,
    /// The factor of all heights.
    pub(crate) z_factor: f64,
    /// Width of a cell, in the unit of the heights.
    pub(crate) dx: f64,
    /// Height of a cell, north to south, in the unit of the heights.
    pub(crate) dy: f64,
}

/// The constants of all cells.
struct Terms {
    to_p: f64,
    to_q: f64,
    up: f64,
    of_p: f64,
    of_q: f64,
}

impl Terms {
    fn of(light: &Light) -> Self {
        let zenith = (90.0 - light.altitude).to_radians();
        let azimuth = (360.0 - light.azimuth + 90.0).rem_euclid(360.0).to_radians();
        Self {
            to_p: light.z_factor / (8.0 * light.dx),
            to_q: light.z_factor / (8.0 * light.dy),
            up: zenith.cos(),
            of_p: -zenith.sin() * azimuth.cos(),
            of_q: zenith.sin() * azimuth.sin(),
        }
    }

    fn value(&self, [a, b, c]: [f64; 3], [d, _, f]: [f64; 3], [g, h, i]: [f64; 3]) -> f32 {
        let p = self.to_p * ((c + 2.0 * f + i) - (a + 2.0 * d + g));
        let q = self.to_q * ((g + 2.0 * h + i) - (a + 2.0 * b + c));
        let lit = (self.up + self.of_p * p + self.of_q * q) / (1.0 + p * p + q * q).sqrt();
        // One NaN and one zero: which NaN an operation gives, and which zero `max`, is left open.
        match lit {
            lit if lit.is_nan() => f32::NAN,
            #[allow(clippy::cast_possible_truncation)] // the one rounding
            lit if lit > 0.0 => (255.0 * lit) as f32,
            _ => 0.0,
        }
    }
}

/// Shades `rows` of the elevation into `band`, which has these rows only.
///
/// Beyond the border of the elevation, the nearest cell is repeated. A neighbour that is not
/// a number gives NaN.
pub(crate) fn shade(
    elevation: ArrayView2<'_, f64>,
    rows: Range<usize>,
    light: &Light,
    mut band: ArrayViewMut2<'_, f32>,
) {
    let terms = Terms::of(light);
    let last = elevation.nrows().saturating_sub(1);
    let row = |index: usize| elevation.row(index.min(last));
    let [mut north, mut here, mut south] = [(); 3].map(|()| vec![0.0; elevation.ncols() + 2]);
    let mut shaded = vec![0.0; elevation.ncols()];

    pad(row(rows.start.saturating_sub(1)), &mut north);
    pad(row(rows.start), &mut here);
    for (index, mut out) in rows.zip(band.rows_mut()) {
        pad(row(index + 1), &mut south);
        let windows = north.array_windows().zip(here.array_windows()).zip(south.array_windows());
        for (value, ((&north, &here), &south)) in shaded.iter_mut().zip(windows) {
            *value = terms.value(north, here, south);
        }
        out.assign(&ArrayView1::from(&shaded));
        std::mem::swap(&mut north, &mut here);
        std::mem::swap(&mut here, &mut south);
    }
}

/// Copies a row, with its ends repeated once.
fn pad(row: ArrayView1<'_, f64>, padded: &mut [f64]) {
    let [first, inner @ .., last] = padded else { return };
    for (to, from) in inner.iter_mut().zip(row) {
        *to = *from;
    }
    if let (Some(west), Some(east)) = (inner.first(), inner.last()) {
        (*first, *last) = (*west, *east);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, s};

    use super::*;

    const LIGHT: Light =
        Light { azimuth: 315.0, altitude: 45.0, z_factor: 1.0, dx: 74.5, dy: 92.5 };

    fn waves(shape: (usize, usize)) -> Array2<f64> {
        Array2::from_shape_fn(shape, |(y, x)| {
            300.0 * (x as f64 / 7.0).sin() + 200.0 * (y as f64 / 5.0).cos() + (x * y) as f64
        })
    }

    fn whole(elevation: &Array2<f64>, light: &Light) -> Array2<f32> {
        let mut out = Array2::zeros(elevation.dim());
        shade(elevation.view(), 0..elevation.nrows(), light, out.view_mut());
        out
    }

    #[test]
    fn bands_make_the_whole_to_the_bit() {
        for shape in [(1, 1), (1, 9), (9, 1), (2, 3), (37, 23)] {
            let elevation = waves(shape);
            let expected = whole(&elevation, &LIGHT);
            for height in 1..=shape.0 {
                let mut out = Array2::from_elem(shape, -1.0);
                for first in (0..shape.0).step_by(height) {
                    let rows = first..(first + height).min(shape.0);
                    let band = out.slice_mut(s![rows.clone(), ..]);
                    shade(elevation.view(), rows, &LIGHT, band);
                }
                assert_eq!(out.mapv(f32::to_bits), expected.mapv(f32::to_bits));
            }
        }
    }

    #[test]
    fn strides_do_not_matter() {
        let elevation = waves((13, 17));
        let fortran = elevation.t().as_standard_layout().into_owned().reversed_axes();
        assert_eq!(whole(&fortran, &LIGHT), whole(&elevation, &LIGHT));
    }

    #[test]
    fn flat_ground_is_lit_by_the_altitude_alone() {
        let shaded = whole(&Array2::from_elem((4, 5), 123.0), &LIGHT);
        #[allow(clippy::cast_possible_truncation)]
        let expected = (255.0 * 45.0_f64.to_radians().sin()) as f32;
        assert!(shaded.iter().all(|value| (value - expected).abs() < 1e-4));
    }

    #[test]
    fn a_hole_is_not_a_number_and_only_where_it_is_seen() {
        let mut elevation = waves((7, 7));
        elevation[(3, 3)] = f64::NAN;
        for ((y, x), value) in whole(&elevation, &LIGHT).indexed_iter() {
            let seen = y.abs_diff(3) <= 1 && x.abs_diff(3) <= 1 && (y, x) != (3, 3);
            assert_eq!(value.is_nan(), seen, "({y}, {x})");
        }
    }
}
