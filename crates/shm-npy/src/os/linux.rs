//! Files on Linux.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open};
use rustix::io::{Errno, pread, retry_on_intr};
use rustix::process::{Resource, getrlimit};

/// Where this process finds its descriptors, to give an unnamed file a name. See open(2).
const FDS: &str = "/proc/self/fd";

/// What [`largest_file`] is called here, and what a user does about it.
pub(crate) const FILE_SIZE_LIMIT: (&str, &str) =
    ("RLIMIT_FSIZE", "a file would be larger: raise it with `ulimit -f`");

/// Opens a file for reading and does not wait for a writer, as opening a FIFO would. See open(2).
pub(crate) fn open_at_once(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(open(path, flags, Mode::empty())?.into())
}

/// Reads bytes of a file from `offset` on; none at its end. See pread(2).
pub(crate) fn read_at(file: impl AsFd, to: &mut [u8], offset: u64) -> io::Result<usize> {
    Ok(retry_on_intr(|| pread(&file, &mut *to, offset))?)
}

/// The longest file that this process may write, in bytes. Beyond it the kernel sends SIGXFSZ,
/// which kills the process. See getrlimit(2).
pub(crate) fn largest_file() -> Option<u64> {
    getrlimit(Resource::Fsize).current
}

/// A new file without a name in this folder, for reading and writing; `None` where the system has none,
/// or lets nobody have one. See open(2) on `O_TMPFILE`.
pub(crate) fn unnamed(folder: &Path) -> io::Result<Option<File>> {
    if !Path::new(FDS).is_dir() {
        return Ok(None); // it could not be given a name
    }
    let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
    match retry_on_intr(|| open(folder, flags, Mode::from_raw_mode(0o666))) {
        Ok(file) => Ok(Some(file.into())),
        // A folder in which no file may be made refuses one with a name, too.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT | Errno::INVAL) => Ok(None),
        Err(Errno::ACCESS | Errno::PERM | Errno::NOSYS) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Gives an unnamed file a name that is not taken. See linkat(2).
pub(crate) fn link(file: &File, path: &Path) -> io::Result<()> {
    let unnamed = format!("{FDS}/{}", file.as_raw_fd());
    Ok(linkat(CWD, unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

/// Whether the system refuses to give unnamed files a name at all, as hardened kernels and sandboxes
/// do.
pub(crate) fn is_link_refused(error: &io::Error) -> bool {
    let refusals = [Errno::ACCESS, Errno::PERM, Errno::XDEV, Errno::NOSYS, Errno::OPNOTSUPP];
    Errno::from_io_error(error).is_some_and(|errno| refusals.contains(&errno))
}

/// Gives a file the owner and the mode of another. Only root may give files away: for all others it
/// stays their own. See fchown(2), fchmod(2).
pub(crate) fn keep_owner(file: &File, of: &Metadata) -> io::Result<()> {
    let _ = fchown(file, Some(of.uid()), Some(of.gid()));
    file.set_permissions(of.permissions())
}
