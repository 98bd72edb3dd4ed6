//! The files that carry the locks of anonymous arrays, which have none of their own.
//!
//! A process makes one for so many of its arrays, with a range of lock bytes for each. The kernel
//! keeps the locks of a file in one list, and walks it whenever one is taken, dropped or asked for:
//! in one file for tens of thousands of arrays each would take milliseconds. Forked children find the
//! file of an array in the array that they inherit, and make others for those that they create
//! themselves: siblings would give out the same range.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{MemfdFlags, Mode, OFlags, memfd_create, open};
use rustix::io::Errno;
use shm_core::{Access, Error, SLOT_COUNT, SlotLocks};
use shm_map::system_error;
use shm_presence::{fork, reopen};

/// Lock bytes from one array's slot 0 to the next one's.
const SPACING: u64 = 4096;
const _: () = assert!(SLOT_COUNT as u64 <= SPACING);
/// The most arrays that live at a time with their locks in one file: so many locks as there are in
/// a file of one array whose slots are all taken.
const MOST: usize = SLOT_COUNT as usize;

/// The file that new arrays get a range of.
pub(crate) struct LockFile {
    file: Option<Arc<File>>,
    born: u64,
    next: u64,
}

/// The lock bytes of one array.
#[derive(Debug)]
pub(crate) struct Range {
    file: Arc<File>,
    first: u64,
}

impl Range {
    pub(crate) fn locks(&self) -> SlotLocks<&File> {
        SlotLocks { file: &self.file, first: self.first }
    }

    /// The same bytes of the file opened afresh.
    pub(crate) fn open(&self) -> shm_core::Result<SlotLocks> {
        let file = reopen(self.file.as_fd(), Access::ReadWrite)?.into();
        Ok(SlotLocks { file, first: self.first })
    }
}

/// Why there is no companion. Arrays work without, until somebody wants a slot.
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

impl LockFile {
    pub(crate) const NONE: Self = Self { file: None, born: 0, next: 0 };

    /// A range that no other array of this process or of its ancestors has.
    pub(crate) fn range(&mut self) -> Result<Range, Box<Refusal>> {
        let born = fork::generation();
        let file = match self.file.clone().filter(|_| self.born == born) {
            Some(file) if Arc::strong_count(&file) <= MOST + 1 => file, // known, and this one
            full => match (unnamed_file(), full) {
                (Ok(file), _) => {
                    let file = Arc::new(File::from(file));
                    *self = Self { file: Some(Arc::clone(&file)), born, next: 0 };
                    file
                }
                (Err(_), Some(full)) => full, // slow is better than not at all
                (Err(refusal), None) => return Err(refusal.into()),
            },
        };
        let first = self.next;
        self.next += SPACING;
        Ok(Range { file, first })
    }
}

/// A memfd; where the system has none for us, a file without a name in the folder for temporary
/// ones. Either can be opened anew through `/proc`.
fn unnamed_file() -> Result<OwnedFd, Refusal> {
    const NAME: &str = "shmarray-locks";
    let made = match memfd_create(NAME, MemfdFlags::CLOEXEC | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => memfd_create(NAME, MemfdFlags::CLOEXEC), // before Linux 6.3
        made => made,
    };
    made.or_else(|refused| {
        let folder = std::env::temp_dir();
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        open(&folder, flags, Mode::RUSR | Mode::WUSR).map_err(|errno| Refusal {
            call: "open(O_TMPFILE)",
            object: format!(
                "{}, for the locks of anonymous arrays (memfd_create: {refused})",
                folder.display()
            ),
            errno,
        })
    })
}
