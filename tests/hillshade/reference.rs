//! The formulas, word for word and slowly.

use crate::npy::Grid;

/// Where the light stands, and what a cell is.
#[derive(Clone, Copy)]
pub(crate) struct Light {
    pub(crate) azimuth: f64,
    pub(crate) altitude: f64,
    pub(crate) z: f64,
    pub(crate) dx: f64,
    pub(crate) dy: f64,
}

/// The defaults of the program.
pub(crate) const LIGHT: Light =
    Light { azimuth: 315.0, altitude: 45.0, z: 1.0, dx: 74.5, dy: 92.5 };

/// Horn (1981), with the nearest cell beyond the borders.
pub(crate) fn hillshade(heights: &Grid<f64>, light: Light) -> Grid<f64> {
    let zenith = (90.0 - light.altitude).to_radians();
    let az = ((360.0 - light.azimuth + 90.0) % 360.0).to_radians();
    Grid::new(heights.rows, heights.columns, |y, x| {
        let z = |down: isize, right: isize| {
            let y = y.saturating_add_signed(down).min(heights.rows - 1);
            let x = x.saturating_add_signed(right).min(heights.columns - 1);
            heights.at(y, x)
        };
        let (a, b, c) = (z(-1, -1), z(-1, 0), z(-1, 1));
        let (d, f) = (z(0, -1), z(0, 1));
        let (g, h, i) = (z(1, -1), z(1, 0), z(1, 1));
        let dz_dx = ((c + 2.0 * f + i) - (a + 2.0 * d + g)) / (8.0 * light.dx);
        let dz_dy = ((g + 2.0 * h + i) - (a + 2.0 * b + c)) / (8.0 * light.dy);
        let slope = (light.z * dz_dx.hypot(dz_dy)).atan();
        let aspect = dz_dy.atan2(-dz_dx);
        let lit = zenith.cos() * slope.cos() + zenith.sin() * slope.sin() * (az - aspect).cos();
        255.0 * lit.max(0.0)
    })
}

/// Bilinear enlargement: the centres of the large cells, among those of the small ones.
pub(crate) fn enlarge(small: &Grid<f64>, k: usize) -> Grid<f64> {
    let place = |index: usize, cells: usize| {
        let place = ((index as f64 + 0.5) / k as f64 - 0.5).clamp(0.0, (cells - 1) as f64);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped
        let low = place as usize;
        (low, (low + 1).min(cells - 1), place.fract())
    };
    Grid::new(small.rows * k, small.columns * k, |y, x| {
        let ((north, south, down), (west, east, right)) =
            (place(y, small.rows), place(x, small.columns));
        small.at(north, west) * (1.0 - down) * (1.0 - right)
            + small.at(north, east) * (1.0 - down) * right
            + small.at(south, west) * down * (1.0 - right)
            + small.at(south, east) * down * right
    })
}

/// Fails where a result is not within a rounding of what is expected.
pub(crate) fn assert_close(result: &Grid<f32>, expected: &Grid<f64>) {
    assert_eq!((result.rows, result.columns), (expected.rows, expected.columns));
    for (index, (ours, right)) in result.cells.iter().zip(&expected.cells).enumerate() {
        let near = (f64::from(*ours) - right).abs() < 1e-4;
        let (y, x) = (index / result.columns, index % result.columns);
        assert!(near, "({y}, {x}): {ours}, expected {right}");
    }
}
