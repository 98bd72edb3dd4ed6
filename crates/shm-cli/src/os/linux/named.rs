//! A segment in `/dev/shm`, made in the steps in which arrays are made, and gone at once.
//!
//! It is not made by the library, which removes what killed processes left before its first array:
//! who only looks changes nothing.

use std::fmt::Display;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open, unlink};
use rustix::io::{Errno, pread, pwrite};
use shmarray::Commit;

use super::{DIRECTORY, entry_path};

/// Bytes of the segment: a page.
const LEN: usize = 4096;

/// Opens, locks, reserves, maps, writes, reads, links and unlinks a small segment.
///
/// # Errors
/// Which of these failed, with the reason of the system.
pub(crate) fn try_named_segment() -> Result<(), String> {
    fn failed<E: Display>(step: &str) -> impl FnOnce(E) -> String {
        move |error| format!("{step} a small segment in {DIRECTORY} failed: {error}")
    }
    // A crash leaves an entry that `gc` knows as one of ours.
    let name = entry_path(format!(".shmarray-tmp-doctor-{}", std::process::id()));
    let (file, is_named) = make(&name).map_err(failed("opening"))?;
    let _removed = is_named.then(|| Removed(&name));
    shm_presence::join(&file).map_err(failed("locking"))?;
    let mapping =
        shm_map::commit(&file, LEN, Commit::Reserve).map_err(failed("reserving or mapping"))?;
    pwrite(&file, b"doctor", 0).map_err(failed("writing to"))?;
    let mut read = [0; 6];
    pread(&file, &mut read, 0).map_err(failed("reading"))?;
    if &read != b"doctor" {
        return Err(format!("a small segment in {DIRECTORY} does not keep what is written to it"));
    }
    drop(mapping);
    if !is_named {
        link(&file, &name).map_err(failed("linking"))?;
        unlink(&name).map_err(failed("unlinking"))?;
    }
    Ok(())
}

/// A file without a name, or with one where the file system has none without; whether it has. See
/// open(2), `O_TMPFILE`.
fn make(name: &Path) -> Result<(File, bool), Errno> {
    let (flags, mode) = (OFlags::RDWR | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR);
    match open(DIRECTORY, flags | OFlags::TMPFILE, mode) {
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
            open(name, flags | OFlags::CREATE | OFlags::EXCL, mode).map(|file| (file.into(), true))
        }
        unnamed => unnamed.map(|file| (file.into(), false)),
    }
}

/// Gives a file without a name one. See linkat(2), and open(2) for the way through `/proc`.
fn link(file: &File, name: &Path) -> Result<(), Errno> {
    match linkat(file, "", CWD, name, AtFlags::EMPTY_PATH) {
        Err(Errno::NOENT) => {
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            linkat(CWD, path.as_str(), CWD, name, AtFlags::SYMLINK_FOLLOW)
        }
        linked => linked,
    }
}

/// Removes the entry when it is dropped.
struct Removed<'a>(&'a Path);

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        let _ = unlink(self.0); // `gc` removes what is left
    }
}
