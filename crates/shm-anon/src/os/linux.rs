//! Linux: a memfd, or a file without a name.

use std::fs::File;

use rustix::fs::{Mode, OFlags, fchmod, open};
use rustix::io::Errno;
use shm_core::{Access, Error, Result};
use shm_map::system_error;
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
/// ones. Either can be opened afresh through `/proc`, whatever user a process that inherited it has
/// become: nobody else is led to it, and it carries no data.
pub(crate) fn unnamed_file() -> Result<File, Refusal> {
    shm_map::unnamed_file(b"shmarray-locks", None).or_else(|refused| {
        let folder = std::env::temp_dir();
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o666);
        let file = open(&folder, flags, mode).and_then(|file| {
            fchmod(&file, mode)?; // whatever the umask
            Ok(file.into())
        });
        file.map_err(|errno| Refusal {
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
