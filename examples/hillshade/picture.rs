//! The result as a picture: PNG, 8 bit grey.

use std::io::Write;

use anyhow::{Context, Result};
use ndarray::ArrayView2;

/// Writes values of 0 to 255 as a picture, rounded to the nearest grey; NaN is black.
///
/// # Errors
/// If the array has more rows or columns than a PNG can have, or `to` cannot be written.
pub(crate) fn write(values: ArrayView2<'_, f32>, to: impl Write) -> Result<()> {
    let side = |cells: usize| {
        u32::try_from(cells)
            .with_context(|| format!("{cells} cells in a line are too many for a PNG"))
    };
    let mut encoder = png::Encoder::new(to, side(values.ncols())?, side(values.nrows())?);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    let mut rows = writer.stream_writer()?;
    let mut greys = Vec::with_capacity(values.ncols());
    for row in values.rows() {
        greys.clear();
        greys.extend(row.iter().map(|value| grey(*value)));
        rows.write_all(&greys)?;
    }
    rows.finish()?;
    writer.finish()?;
    Ok(())
}

fn grey(value: f32) -> u8 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // `as` saturates
    let grey = value.round() as u8;
    grey
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn it_can_be_read_again() {
        let values = array![[0.0, 0.5, 127.4], [254.5, 255.0, f32::NAN]];
        let mut bytes = Vec::new();
        write(values.view(), &mut bytes).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut greys = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut greys).unwrap();
        assert_eq!((frame.width, frame.height), (3, 2));
        assert_eq!(
            (frame.color_type, frame.bit_depth),
            (png::ColorType::Grayscale, png::BitDepth::Eight)
        );
        assert_eq!(greys, [0, 1, 127, 255, 255, 0]);
    }
}
