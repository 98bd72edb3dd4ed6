//! Files that appear complete or not at all.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use ndarray::ArrayView2;
use npyz::WriterBuilder;
use tempfile::NamedTempFile;

/// A file to be: an unfinished one beside it, which takes its name in one step, or goes with this.
pub(crate) struct Output {
    unfinished: NamedTempFile,
    path: PathBuf,
}

impl Output {
    /// Makes the unfinished file, so that a path that cannot be written is known beforehand.
    ///
    /// # Errors
    /// If there cannot be a file of that path, or what is there must not be replaced.
    pub(crate) fn prepare(path: &Path) -> Result<Self> {
        Self::try_prepare(path)
            .with_context(|| format!("output {} cannot be written; name another", path.display()))
    }

    fn try_prepare(path: &Path) -> Result<Self> {
        // Through a link to what it leads to, where there is something.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        if let Ok(about) = path.symlink_metadata() {
            ensure!(about.is_file(), "there is something that is not a regular file");
            OpenOptions::new().write(true).open(&path)?;
        }
        let name = path.file_name().context("it does not name a file")?;
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let unfinished = tempfile::Builder::new()
            .prefix(name)
            .suffix(".part")
            .permissions(Permissions::from_mode(0o666)) // less the umask, as for any new file
            .tempfile_in(folder)?;
        Ok(Self { unfinished, path })
    }

    /// Writes the contents, then gives the file its name. Tells where it is.
    ///
    /// # Errors
    /// If `contents` fails, the disk is full, or the name cannot be taken.
    pub(crate) fn finish(
        self,
        contents: impl FnOnce(&mut BufWriter<&File>) -> Result<()>,
    ) -> Result<PathBuf> {
        let Self { unfinished, path } = self;
        Self::write(unfinished.as_file(), contents)
            .and_then(|()| Ok(unfinished.persist(&path)?))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    fn write(
        file: &File,
        contents: impl FnOnce(&mut BufWriter<&File>) -> Result<()>,
    ) -> Result<()> {
        let mut writer = BufWriter::new(file);
        contents(&mut writer)?;
        writer.flush()?;
        Ok(file.sync_all()?)
    }
}

/// Writes an array as `.npy`, dtype `float32`, C order.
///
/// # Errors
/// If `to` cannot be written.
pub(crate) fn write_npy(values: ArrayView2<'_, f32>, to: impl Write) -> Result<()> {
    let shape = [values.nrows() as u64, values.ncols() as u64];
    let options = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(to);
    let mut writer = options.begin_nd()?;
    writer.extend(values.iter())?;
    writer.finish()?;
    Ok(())
}
