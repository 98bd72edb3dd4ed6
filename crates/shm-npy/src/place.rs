//! Where a file is to appear, and what it replaces there.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use shm_core::{Access, ErrorKind, Header, Result};

use crate::fault;

/// As many symbolic links as the kernel follows. See `path_resolution(7)`.
const MAX_LINKS: usize = 40;

/// What a path leads to, behind symbolic links, and the file that is there.
///
/// Where the last link leads to nothing, the file is to appear there: the link stays.
pub(crate) fn resolve(path: &Path) -> Result<(PathBuf, Option<Metadata>)> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok((behind_links(path).map_err(fault::os("readlink", path))?, None))
        }
        Err(error) => Err(fault::os("stat", path)(error)),
        Ok(found) => {
            check_replaceable(path, &found)?;
            match fs::canonicalize(path) {
                // As a link in /proc/self/fd to a file that was removed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Err(fault::at(path, "the file there has no name, so it is not replaced"))
                }
                resolved => Ok((resolved.map_err(fault::os("realpath", path))?, Some(found))),
            }
        }
    }
}

/// Refuses to replace what is no file, may not be written to, or is a segment: that would take an
/// array's name away.
pub(crate) fn check_replaceable(path: &Path, found: &Metadata) -> Result<()> {
    if !found.is_file() {
        return Err(fault::at(path, "it is not a regular file, so it is not replaced"));
    }
    match File::options().write(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let (object, access) = (path.display().to_string(), Access::ReadWrite);
            return Err(ErrorKind::AccessDenied { object, access }.into());
        }
        Err(error) => return Err(fault::os("open", path)(error)),
        Ok(_) => {}
    }
    let mut start = [0; Header::MAGIC.len()];
    let is_segment = File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && start == Header::MAGIC;
    if is_segment {
        return Err(fault::at(path, "it is a shared array, which would lose its name"));
    }
    Ok(())
}

/// The folder in which a path lies.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Follows symbolic links to a file that is not there.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = folder(&path).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}
