//! A PNG that appears in one step.

use std::io::{self, Write};
use std::path::Path;

use anyhow::{Result, ensure};
use png::ColorType;

use crate::os;

/// The bytes of a file of so many pixels; `pixel` gives the bytes of the one in that column and row.
pub(super) fn encode<const N: usize>(
    colours: ColorType,
    (width, height): (usize, usize),
    mut pixel: impl FnMut(usize, usize) -> [u8; N],
) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, u32::try_from(width)?, u32::try_from(height)?);
    encoder.set_color(colours);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    let mut rows = writer.stream_writer()?;
    for y in 0..height {
        for x in 0..width {
            rows.write_all(&pixel(x, y))?;
        }
    }
    rows.finish()?;
    writer.finish()?;
    Ok(file)
}

/// Writes the whole file at once: a signal in that moment may leave the temporary one.
pub(super) fn write(path: &Path, png: &[u8]) -> Result<()> {
    if let Some(most) = os::largest_file() {
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
        .tempfile_in(folder.unwrap_or(Path::new(".")))
        .map_err(without_path)?;
    file.write_all(png).map_err(without_path)?;
    file.as_file().sync_all()?;
    file.persist(&path).map_err(|error| without_path(error.error))?;
    Ok(())
}

/// The kind of an error without the temporary path that `tempfile` adds: nobody knows that one.
fn without_path(error: io::Error) -> io::Error {
    if error.raw_os_error().is_some() { error } else { error.kind().into() }
}
