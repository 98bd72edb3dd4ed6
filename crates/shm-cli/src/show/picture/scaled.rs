//! Numbers as a picture, with a bar that says which colour stands for which number.

use anyhow::Result;
use png::ColorType;

use super::png_file;
use super::sampling::{MIN_SHORT, Means};
use crate::show::colours::Scale;
use crate::show::{floats, glyphs};

/// The bar and the blanks around it, and points of a glyph, in pixels.
const GAP: usize = 8;
const BAR: usize = 16;
const POINT: usize = 2;

const WHITE: [u8; 3] = [255, 255, 255];
const BLACK: [u8; 3] = [0, 0, 0];

/// The bytes of the file; each number takes `zoom` pixels along each side.
pub(super) fn encode(means: &Means, zoom: usize, scale: Option<Scale>) -> Result<Vec<u8>> {
    let Means { width, height, .. } = *means;
    let labels = scale.map(|scale| [short(scale.max), short(scale.min)]);
    let text = labels.iter().flatten().map(String::len).max().unwrap_or(0);
    let bar_at = width * zoom + GAP;
    let text_at = bar_at + BAR + GAP;
    let all_width = text_at + text * glyphs::WIDTH * POINT;
    let all_height = (height * zoom).max(MIN_SHORT);
    let low_at = all_height - glyphs::HEIGHT * POINT;
    let ink = |text: &str, x: usize, y: usize| glyphs::has_ink(text, x / POINT, y / POINT);
    png_file::encode(ColorType::Rgb, (all_width, all_height), |x, y| match (scale, &labels) {
        _ if x < width * zoom && y < height * zoom => {
            let value = means.values[y / zoom * width + x / zoom];
            // Without a scale there is only what is not finite.
            scale.unwrap_or(Scale { min: 0.0, max: 0.0 }).colour(value)
        }
        (Some(Scale { min, max }), _) if (bar_at..bar_at + BAR).contains(&x) => {
            let bar = Scale { min: 0.0, max: (all_height - 1) as f64 };
            let level = (all_height - 1 - y) as f64;
            if min < max { bar.colour(level) } else { bar.colour(0.0) }
        }
        (_, Some([high, low])) if x >= text_at => {
            let is_ink =
                ink(high, x - text_at, y) || y >= low_at && ink(low, x - text_at, y - low_at);
            if is_ink { BLACK } else { WHITE }
        }
        _ => WHITE,
    })
}

/// A number in at most six digits.
pub(super) fn short(value: f64) -> String {
    let rounded = format!("{value:.5e}").parse().unwrap_or(value);
    let text = floats::alone(floats::FloatType::F64, rounded);
    text.strip_suffix(".0").map_or(text.clone(), Into::into)
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn labels_have_six_digits() {
        assert_eq!(short(123_456.789), "123457");
        assert_eq!(short(0.1 + 0.2), "0.3");
        assert_eq!(short(-1.0), "-1");
        assert_eq!(short(1e300), "1e+300");
    }
}
