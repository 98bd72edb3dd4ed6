//! What the kernel says of an open file.

use std::fs::File;
use std::time::{Duration, SystemTime};

use rustix::fs::{Stat, fstat};
use rustix::io::{pread, retry_on_intr};
use shm_core::{Header, Result};
use shm_map::{PagePlan, system_error};

/// Which file, whatever its name: no other one has these while anybody has it open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

impl From<&Stat> for FileId {
    fn from(stat: &Stat) -> Self {
        Self { device: stat.st_dev, inode: stat.st_ino }
    }
}

/// The file as it was when it was looked at. See fstat(2).
#[derive(Clone, Copy)]
pub(crate) struct Facts(pub(super) Stat);

impl Facts {
    pub(crate) fn of(file: &File, object: impl Fn() -> String) -> Result<Self> {
        fstat(file).map(Self).map_err(|errno| system_error("fstat", object(), errno))
    }

    pub(crate) fn id(&self) -> FileId {
        FileId::from(&self.0)
    }

    /// Its size, in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.0.st_size.cast_unsigned()
    }

    /// Whether it still has a name.
    pub(crate) fn has_name(&self) -> bool {
        self.0.st_nlink > 0
    }

    /// When it was last written to by a system call.
    pub(crate) fn modified(&self) -> SystemTime {
        let since_1970 = Duration::from_secs(self.0.st_mtime.try_into().unwrap_or_default());
        SystemTime::UNIX_EPOCH + since_1970
    }

    /// The pages to map it in, where that is its header.
    pub(crate) fn pages(&self, header: &Header) -> PagePlan {
        PagePlan::of_segment(&self.0, header)
    }
}

/// Reads the first bytes of a file, and tells how many there are.
pub(crate) fn read_start(
    file: &File,
    bytes: &mut [u8],
    object: impl Fn() -> String,
) -> Result<usize> {
    retry_on_intr(|| pread(file, &mut *bytes, 0))
        .map_err(|errno| system_error("pread", object(), errno))
}
