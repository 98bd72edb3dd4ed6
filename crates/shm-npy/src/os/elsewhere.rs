//! Files by the standard library alone. Files without a name are not to be had.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// The name of a limit that is never reached, see [`largest_file`].
pub(crate) const FILE_SIZE_LIMIT: (&str, &str) = ("the size of files", "make the array smaller");

/// Opens a file for reading.
pub(crate) fn open_at_once(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Reads bytes of a file from `offset` on; none at its end.
pub(crate) fn read_at(mut file: &File, to: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek(SeekFrom::Start(offset))?;
    file.read(to)
}

/// The longest file that this process may write: no limit is known.
pub(crate) fn largest_file() -> Option<u64> {
    None
}

/// A new file without a name: there is none.
pub(crate) fn unnamed(_folder: &Path) -> io::Result<Option<File>> {
    Ok(None)
}

/// Gives an unnamed file a name: there is no such file.
pub(crate) fn link(_file: &File, _path: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether the system gives unnamed files no name: it has none.
pub(crate) fn is_link_refused(_error: &io::Error) -> bool {
    true
}

/// Gives a file the permissions of another.
pub(crate) fn keep_owner(file: &File, of: &Metadata) -> io::Result<()> {
    file.set_permissions(of.permissions())
}
