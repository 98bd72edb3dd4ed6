//! Files that appear complete or not at all.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
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

    /// The path, for a writer that makes the file complete itself; the unfinished file goes.
    pub(crate) fn into_path(self) -> PathBuf {
        self.path
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
