//! Bytes of red, green and blue, and perhaps of opacity, as a picture of these colours.

use anyhow::Result;
use png::ColorType;
use shmarray::memory::Window;

use super::png_file;
use super::sampling::Means;
use crate::show::gather::Read;

/// Bytes of each pixel, row by row.
pub(super) struct Colours {
    pub(super) width: usize,
    pub(super) height: usize,
    channels: Vec<Vec<u8>>,
}

impl Colours {
    /// Whether such an array is an image: its last axis has the channels of a pixel.
    pub(super) fn are_in(dtype: &str, shape: &[usize]) -> bool {
        dtype == "|u1" && matches!(shape, [_, _, 3 | 4])
    }

    /// Reads each channel of a window of three dimensions.
    pub(super) fn read(read: Read<'_>, window: &Window) -> Result<Self> {
        let (mut width, mut height, mut channels) = (0, 0, Vec::new());
        for channel in 0..window.shape[2] {
            let step = window.strides[2].wrapping_mul(channel.cast_signed());
            let plane = Window {
                offset: window.offset.wrapping_add_signed(step),
                shape: window.shape[..2].into(),
                strides: window.strides[..2].into(),
            };
            let means = Means::read(read, 1, &|bytes| bytes[0].into(), &plane)?;
            (width, height) = (means.width, means.height);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 255
            channels.push(means.values.iter().map(|mean| mean.round() as u8).collect());
        }
        Ok(Self { width, height, channels })
    }

    /// The bytes of the file; each colour takes `zoom` pixels along each side.
    pub(super) fn encode(&self, zoom: usize) -> Result<Vec<u8>> {
        let size = (self.width * zoom, self.height * zoom);
        let at = |x: usize, y: usize| y / zoom * self.width + x / zoom;
        match &*self.channels {
            [red, green, blue, opacity] => png_file::encode(ColorType::Rgba, size, |x, y| {
                [red, green, blue, opacity].map(|channel| channel[at(x, y)])
            }),
            channels => png_file::encode(ColorType::Rgb, size, |x, y| {
                std::array::from_fn::<u8, 3, _>(|channel| channels[channel][at(x, y)])
            }),
        }
    }
}
