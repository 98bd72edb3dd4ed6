//! A file that appears in one step.

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};
use shm_core::{DType, Error, ErrorKind, Order, Result};
use tempfile::TempPath;

use crate::header::encode;

/// Where this process finds its descriptors, to give an unnamed file a name: see open(2).
const FDS: &str = "/proc/self/fd";

/// A `.npy` file in the making, which nobody sees before [`finish`](Self::finish).
///
/// It is an unnamed file (`O_TMPFILE`) until it is whole, so a crash leaves nothing. To replace a file
/// it then bears a temporary name, `.shmarray-*.npy`, between two system calls: killed there, the
/// process leaves it, whole. Where the file system has no unnamed files, it has that name from the
/// start, and only dropping the writer removes it. What stood under the path before stays until it
/// is replaced.
#[derive(Debug)]
pub struct NpyWriter {
    file: File,
    /// Where the file system has no unnamed files.
    named: Option<TempPath>,
    path: PathBuf,
    /// Bytes of elements: all, and those still to be written.
    all: u64,
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
        let (file, named) = new_file(folder(&path)).map_err(os("open", &path))?;
        if let Some(old) = predecessor {
            // Only root may give files away; for others the new file is their own.
            let _ = fchown(&file, Some(old.uid()), Some(old.gid()));
            file.set_permissions(old.permissions()).map_err(os("fchmod", &path))?;
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

    /// Puts the file in its place, once its bytes are on the disk: who looks sees what was there
    /// before or the whole file, also after the machine has crashed.
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
            None => match name(&self.file, &self.path) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    temporary(folder(&self.path), |path| name(&self.file, path))
                        .map_err(os("linkat", &self.path))?
                        .1
                }
                Err(error) => return Err(os("linkat", &self.path)(error)),
            },
        };
        named.persist(&self.path).map_err(|failed| os("rename", &self.path)(failed.error))
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_all(bytes);
        written.map_err(|error| no_space(&self.path, self.all, "write", error))
    }
}

/// Beyond `RLIMIT_FSIZE` the kernel sends SIGXFSZ, which kills: so it is not asked.
fn check_file_size(len: u64) -> Result<()> {
    match getrlimit(Resource::Fsize).current {
        Some(most) if most < len => {
            let (limit, hint) =
                ("RLIMIT_FSIZE", "a file would be larger: raise it with `ulimit -f`");
            Err(ErrorKind::LimitReached { limit, value: Some(most), hint }.into())
        }
        _ => Ok(()),
    }
}

/// What a path leads to: itself, or behind symbolic links; and the file that is there.
fn target(path: &Path) -> Result<(PathBuf, Option<Metadata>)> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((path.into(), None)),
        Err(error) => Err(os("stat", path)(error)),
        Ok(found) if found.is_file() => {
            let path = fs::canonicalize(path).map_err(os("realpath", path))?;
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
    let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
    let unnamed = if Path::new(FDS).is_dir() {
        open(folder, flags, Mode::from_raw_mode(0o666))
    } else {
        Err(Errno::OPNOTSUPP)
    };
    match unnamed {
        Ok(file) => Ok((file.into(), None)),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT) => {
            let (file, named) = temporary(folder, |path| File::create_new(path))?;
            Ok((file, Some(named)))
        }
        Err(errno) => Err(errno.into()),
    }
}

/// Gives an unnamed file a name that is not taken.
fn name(file: &File, path: &Path) -> io::Result<()> {
    let unnamed = format!("{FDS}/{}", file.as_raw_fd());
    Ok(linkat(CWD, unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
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

fn os(call: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |error| Error::os(call, path.display().to_string(), error)
}

fn no_space(path: &Path, needs: u64, call: &'static str, error: io::Error) -> Error {
    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
        let place = folder(path).display().to_string();
        return ErrorKind::NoSpace { needs, has: None, place }.into();
    }
    os(call, path)(error)
}
