//! A file that appears in one step.

use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use shm_core::{DType, Error, ErrorKind, Order, Result};
use tempfile::TempPath;

use crate::encode::encode;
use crate::place::{check_replaceable, folder, resolve};
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
    /// A symbolic link stays: the file that it leads to is replaced, or appears if there is none. The new
    /// file has the mode of the old, and its owner if this process may give files away. Other hard links
    /// of the old file keep its contents. The folder must be writable, and so must the old file.
    ///
    /// # Errors
    /// [`Path`](ErrorKind::Path) if what stands there is not a regular file, has no name of its own, or
    /// is a shared array; [`AccessDenied`](ErrorKind::AccessDenied) if it may not be written to;
    /// [`InvalidDType`](ErrorKind::InvalidDType) for a type that could not be read back;
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
        let (path, predecessor) = resolve(path.as_ref())?;
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
    /// [`Os`](ErrorKind::Os); those of [`create`](Self::create) for what has come under the path since.
    pub fn finish(self) -> Result<()> {
        if self.left > 0 {
            let (needs, has) = (self.all, self.all - self.left);
            return Err(ErrorKind::Truncated { what: "what is to be saved", needs, has }.into());
        }
        self.file.sync_all().map_err(|error| no_space(&self.path, self.all, "fsync", error))?;
        if let Ok(found) = fs::metadata(&self.path) {
            check_replaceable(&self.path, &found)?; // another file may have come meanwhile
        }
        let named = match self.named {
            Some(named) => named,
            None => match os::link(&self.file, &self.path) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let linked = temporary(folder(&self.path), |path| os::link(&self.file, path));
                    linked.map_err(fault::os("linkat", &self.path))?.1
                }
                Err(error) if os::is_link_refused(&error) => self.copy()?,
                Err(error) => return Err(fault::os("linkat", &self.path)(error)),
            },
        };
        named.persist(&self.path).map_err(|failed| fault::os("rename", &self.path)(failed.error))
    }

    /// Copies the unnamed file to one with a temporary name, where the system gives unnamed files none.
    fn copy(&self) -> Result<TempPath> {
        let fail = |call| move |error| no_space(&self.path, self.all, call, error);
        let (mut copy, named) =
            temporary(folder(&self.path), |path| File::create_new(path)).map_err(fail("open"))?;
        let old = self.file.metadata().map_err(fail("fstat"))?;
        os::keep_owner(&copy, &old).map_err(fail("fchmod"))?;
        let mut unnamed = &self.file;
        unnamed.rewind().map_err(fail("lseek"))?;
        io::copy(&mut unnamed, &mut copy).map_err(fail("write"))?;
        copy.sync_all().map_err(fail("fsync"))?;
        Ok(named)
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
