//! Linux: a memfd, or a file without a name.

use std::fs::File;

use rustix::fs::{MemfdFlags, Mode, OFlags, open};
use rustix::io::Errno;
use shm_core::{Access, Error, Result};
use shm_map::{memfd, system_error};
use shm_presence::os::reopen;

/// Why there is no lock file. Arrays work without, until a process wants a slot.
#[derive(Debug)]
pub(crate) struct Refusal {
    call: &'static str,
    object: String,
    errno: Errno,
}

impl Refusal {
    pub(crate) fn to_error(&self) -> Error {
        system_error(self.call, self.object.clone(), self.errno)
    }
}

/// A memfd; where the system has none for us, a file without a name in the folder for temporary
/// ones. Either can be opened afresh through `/proc`.
pub(crate) fn unnamed_file() -> Result<File, Refusal> {
    memfd(b"shmarray-locks", MemfdFlags::empty()).map(File::from).or_else(|refused| {
        let folder = std::env::temp_dir();
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        open(&folder, flags, Mode::RUSR | Mode::WUSR).map(File::from).map_err(|errno| Refusal {
            call: "open(O_TMPFILE)",
            object: format!(
                "{}, for the locks of anonymous arrays (memfd_create: {refused})",
                folder.display()
            ),
            errno,
        })
    })
}

/// The file once more, through a description of its own.
pub(crate) fn open_afresh(file: &File) -> Result<File> {
    reopen(file, Access::ReadWrite)
}
