//! Bilinear enlargement, to have a real load.

use ndarray::{ArrayView2, ArrayViewMut2};

/// Fills `large` with `small`, enlarged bilinearly to its shape.
///
/// Cells are areas: the centre of a large cell is looked up between the centres of the small ones,
/// and beyond the outermost centres the nearest cell is repeated. Neither may be empty.
pub(crate) fn enlarge(small: ArrayView2<'_, f64>, mut large: ArrayViewMut2<'_, f64>) {
    let columns: Vec<Between> = places(small.ncols(), large.ncols()).collect();
    let rows = places(small.nrows(), large.nrows());
    let mut blended = vec![0.0; small.ncols()];
    for (mut out, row) in large.rows_mut().into_iter().zip(rows) {
        let (north, south) = (small.row(row.low), small.row(row.high));
        for (value, (north, south)) in blended.iter_mut().zip(north.iter().zip(south)) {
            *value = row.blend(*north, *south);
        }
        for (value, column) in out.iter_mut().zip(&columns) {
            *value = column.blend(blended[column.low], blended[column.high]);
        }
    }
}

/// A place between two neighbours.
struct Between {
    low: usize,
    high: usize,
    share_of_high: f64,
}

impl Between {
    fn blend(&self, low: f64, high: f64) -> f64 {
        low + self.share_of_high * (high - low)
    }
}

/// Where the centres of `to` cells lie among the centres of `from` cells.
fn places(from: usize, to: usize) -> impl Iterator<Item = Between> {
    let last = from.saturating_sub(1);
    (0..to).map(move |index| {
        let place = (index as f64 + 0.5) * (from as f64 / to as f64) - 0.5;
        let place = place.clamp(0.0, last as f64);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped
        let low = place as usize;
        Between { low, high: (low + 1).min(last), share_of_high: place - low as f64 }
    })
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    fn enlarged(small: &Array2<f64>, k: usize) -> Array2<f64> {
        let mut large = Array2::from_elem((small.nrows() * k, small.ncols() * k), f64::NAN);
        enlarge(small.view(), large.view_mut());
        large
    }

    #[test]
    fn once_is_the_same() {
        let small = array![[1.5, -2.0, 7.0], [4.0, 5.0, 1e9]];
        assert_eq!(enlarged(&small, 1), small);
    }

    #[test]
    fn a_step_becomes_a_ramp_between_the_centres() {
        let ramp = [0.0, 0.0, 0.25, 0.75, 1.0, 1.0].map(|part| part * 8.0);
        assert_eq!(enlarged(&array![[0.0, 8.0]], 2).row(0).to_vec(), [0.0, 2.0, 6.0, 8.0]);
        let twice = enlarged(&array![[0.0], [0.0], [8.0], [8.0]], 2);
        assert_eq!(twice.column(0).to_vec()[1..7], ramp);
    }

    #[test]
    fn one_cell_fills_everything() {
        assert_eq!(enlarged(&array![[3.0]], 4), Array2::from_elem((4, 4), 3.0));
    }

    #[test]
    fn a_plane_stays_a_plane_within() {
        let plane = |k: f64| {
            move |(y, x): (usize, usize)| {
                10.0 * ((x as f64 + 0.5) / k) - 3.0 * ((y as f64 + 0.5) / k)
            }
        };
        let large = enlarged(&Array2::from_shape_fn((6, 7), plane(1.0)), 3);
        let expected = Array2::from_shape_fn((18, 21), plane(3.0));
        for ((y, x), value) in large.indexed_iter() {
            if (2..16).contains(&y) && (2..19).contains(&x) {
                assert!((value - expected[(y, x)]).abs() < 1e-9, "({y}, {x})");
            }
        }
    }
}
