//! Numbers as colours: the map viridis, whose steps look equal, also to the colour-blind and in grey.

/// Each eighth colour of viridis, by Nathaniel Smith and Stéfan van der Walt, who gave it away
/// (CC0); those between are interpolated, off by 2 of 255 at most.
const VIRIDIS: [[u8; 3]; 33] = [
    [68, 1, 84],
    [71, 13, 96],
    [72, 24, 106],
    [72, 35, 116],
    [71, 45, 123],
    [69, 54, 129],
    [66, 64, 134],
    [63, 73, 137],
    [59, 82, 139],
    [55, 90, 141],
    [51, 99, 141],
    [47, 106, 142],
    [44, 114, 142],
    [41, 122, 142],
    [38, 129, 142],
    [35, 137, 142],
    [33, 144, 140],
    [31, 152, 139],
    [31, 159, 136],
    [33, 166, 133],
    [40, 174, 128],
    [49, 181, 123],
    [62, 188, 116],
    [76, 194, 108],
    [93, 201, 99],
    [110, 206, 88],
    [130, 211, 76],
    [150, 216, 63],
    [171, 220, 50],
    [192, 223, 36],
    [213, 226, 26],
    [234, 229, 26],
    [253, 231, 37],
];

/// The colour of NaN: a grey, which viridis has not.
pub(super) const NAN: [u8; 3] = [160, 160, 160];

/// The numbers that get the first and the last colour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Scale {
    /// The colour of a number; beyond the ends, that of the end.
    pub(super) fn colour(self, value: f64) -> [u8; 3] {
        if value.is_nan() {
            return NAN;
        }
        // Halves, so that the widest range does not overflow.
        let width = self.max / 2.0 - self.min / 2.0;
        let fraction = (value / 2.0 - self.min / 2.0) / width;
        // An infinite number, or a scale of one number.
        let fraction = match fraction {
            _ if width > 0.0 && fraction.is_finite() => fraction.clamp(0.0, 1.0),
            _ => f64::from(u8::from(value > self.max)),
        };
        let place = fraction * (VIRIDIS.len() - 1) as f64;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 32
        let at = (place as usize).min(VIRIDIS.len() - 2);
        let (low, high, part) = (VIRIDIS[at], VIRIDIS[at + 1], place - at as f64);
        std::array::from_fn(|channel| mix(low[channel], high[channel], part))
    }
}

fn mix(low: u8, high: u8, part: f64) -> u8 {
    let mixed = f64::from(low) + (f64::from(high) - f64::from(low)) * part;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between the two
    let mixed = mixed.round() as u8;
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_beyond() {
        let scale = Scale { min: -1.0, max: 3.0 };
        let (first, last) = (VIRIDIS[0], VIRIDIS[32]);
        for low in [-1.0, -2.0, f64::MIN, f64::NEG_INFINITY] {
            assert_eq!(scale.colour(low), first);
        }
        for high in [3.0, 4.0, f64::MAX, f64::INFINITY] {
            assert_eq!(scale.colour(high), last);
        }
        assert_eq!(scale.colour(1.0), VIRIDIS[16]);
        assert_eq!(scale.colour(f64::NAN), NAN);
    }

    #[test]
    fn the_widest_and_the_narrowest_scale() {
        let widest = Scale { min: f64::MIN, max: f64::MAX };
        assert_eq!(widest.colour(0.0), VIRIDIS[16]);
        assert_eq!(widest.colour(f64::MAX), VIRIDIS[32]);
        let one = Scale { min: 2.0, max: 2.0 };
        assert_eq!(one.colour(2.0), VIRIDIS[0]);
        assert_eq!(one.colour(f64::INFINITY), VIRIDIS[32]);
    }
}
