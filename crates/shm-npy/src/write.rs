//! A file that appears in one step.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use shm_core::{DType, Error, ErrorKind, Order, Result};
use tempfile::TempPath;

use crate::encode::encode;
use crate::{fault, os};

/// A `.npy` file in the making, which nobody sees before [`finish`](Self::finish).
///
/// The file has no name (`O_TMPFILE`) until it is whole, so a crash leaves nothing. To replace another
/// file, it bears a temporary name, `.shmarray-*.npy`, between two system calls: a process that is
/// killed there leaves the whole file under that name. Where the file system has no unnamed files, the
/// file bears that name from the start, and dropping the writer removes it. The old file stays under
/// the path until the new one replaces it.
#[derive(Debug)]
pub struct NpyWriter {
    file: File,
    /// Its temporary name, where the file system has no unnamed files.
    named: Option<TempPath>,
    path: PathBuf,
    /// Bytes of all elements.
    all: u64,
    /// Bytes of elements that are still to be written.
    left: u64,
}

impl NpyWriter {
    /// Begins a file of elements of that type, in that shape and order: version 1, or 3 if the name
    /// of a field needs it.
    ///
    /// A symbolic link stays, and the file that it leads to is replaced. The new one has the mode of
    /// the old, and its owner if this process may give files away.
    ///
    /// # Errors
    /// [`Path`](ErrorKind::Path) if something other than a regular file stands there;
    /// [`InvalidDType`](ErrorKind::InvalidDType) for field names with control characters;
    /// [`ShapeOverflow`](ErrorKind::ShapeOverflow) and
    /// [`TooManyDimensions`](ErrorKind::TooManyDimensions);
    /// [`LimitReached`](ErrorKind::LimitReached) beyond `RLIMIT_FSIZE`;
    /// [`NoSpace`](ErrorKind::NoSpace); [`Os`](ErrorKind::Os).
    pub fn create(
        path: impl AsRef<Path>,
        dtype: &DType,
        shape: &[usize],
        order: Order,
    ) -> Result<Self> {
        let header = encode(dtype, shape, order)?;
        let (path, predecessor) = target(path.as_ref())?;
        let all = shape.iter().product::<usize>() as u64 * dtype.itemsize() as u64; // `encode` checked it
        check_file_size(all.saturating_add(header.len() as u64))?;
        let (file, named) = new_file(folder(&path)).map_err(fault::os("open", &path))?;
        if let Some(old) = predecessor {
            os::keep_owner(&file, &old).map_err(fault::os("fchmod", &path))?;
        }
        let mut writer = Self { file, named, path, all, left: all };
        writer.append(&header)?;
        Ok(writer)
    }

    /// Writes the next elements, or parts of them, as bytes.
    ///
    /// # Errors
    /// [`Oversized`](ErrorKind::Oversized) if there are more than the shape has;
    /// [`NoSpace`](ErrorKind::NoSpace); [`Os`](ErrorKind::Os).
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let len = bytes.len() as u64;
        let Some(left) = self.left.checked_sub(len) else {
            let (max, has) = (self.all, self.all - self.left + len);
            return Err(ErrorKind::Oversized { what: "what is to be saved", max, has }.into());
        };
        self.append(bytes)?;
        self.left = left;
        Ok(())
    }

    /// Puts the file in its place, once its bytes are on the disk. A reader sees the old file or the
    /// whole new one, also after the machine has crashed.
    ///
    /// # Errors
    /// [`Truncated`](ErrorKind::Truncated) if elements are missing; [`NoSpace`](ErrorKind::NoSpace);
    /// [`Os`](ErrorKind::Os).
    pub fn finish(self) -> Result<()> {
        if self.left > 0 {
            let (needs, has) = (self.all, self.all - self.left);
            return Err(ErrorKind::Truncated { what: "what is to be saved", needs, has }.into());
        }
        self.file.sync_all().map_err(|error| no_space(&self.path, self.all, "fsync", error))?;
        let named = match self.named {
            Some(named) => named,
            None => match os::link(&self.file, &self.path) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    temporary(folder(&self.path), |path| os::link(&self.file, path))
                        .map_err(fault::os("linkat", &self.path))?
                        .1
                }
                Err(error) => return Err(fault::os("linkat", &self.path)(error)),
            },
        };
        named.persist(&self.path).map_err(|failed| fault::os("rename", &self.path)(failed.error))
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_all(bytes);
        written.map_err(|error| no_space(&self.path, self.all, "write", error))
    }
}

/// Asks for no more than the system allows, which could kill this process.
fn check_file_size(len: u64) -> Result<()> {
    match os::largest_file() {
        Some(most) if most < len => {
            let (limit, hint) = os::FILE_SIZE_LIMIT;
            Err(ErrorKind::LimitReached { limit, value: Some(most), hint }.into())
        }
        _ => Ok(()),
    }
}

/// What a path leads to: itself, or behind symbolic links; and the file that is there.
fn target(path: &Path) -> Result<(PathBuf, Option<Metadata>)> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((path.into(), None)),
        Err(error) => Err(fault::os("stat", path)(error)),
        Ok(found) if found.is_file() => {
            let path = fs::canonicalize(path).map_err(fault::os("realpath", path))?;
            Ok((path, Some(found)))
        }
        Ok(_) => {
            let reason = "it is not a regular file, so it is not replaced".into();
            Err(ErrorKind::Path { path: path.into(), reason }.into())
        }
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A new file in a folder, and its temporary name if it has one.
fn new_file(folder: &Path) -> io::Result<(File, Option<TempPath>)> {
    if let Some(file) = os::unnamed(folder)? {
        return Ok((file, None));
    }
    let (file, named) = temporary(folder, |path| File::create_new(path))?;
    Ok((file, Some(named)))
}

/// A temporary name in a folder, by which `make` has made something.
fn temporary<R>(
    folder: &Path,
    make: impl FnMut(&Path) -> io::Result<R>,
) -> io::Result<(R, TempPath)> {
    let made =
        tempfile::Builder::new().prefix(".shmarray-").suffix(".npy").make_in(folder, make)?;
    Ok(made.into_parts())
}

fn no_space(path: &Path, needs: u64, call: &'static str, error: io::Error) -> Error {
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        let place = folder(path).display().to_string();
        return ErrorKind::NoSpace { needs, has: None, place }.into();
    }
    fault::os(call, path)(error)
}
