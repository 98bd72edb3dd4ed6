//! What `fstat(2)` and its like say of a file.

use std::time::{Duration, SystemTime};

use rustix::fs::Stat;

use crate::file_stat::{FileId, FileStat};

impl From<&Stat> for FileId {
    fn from(stat: &Stat) -> Self {
        Self { device: stat.st_dev, inode: stat.st_ino }
    }
}

impl From<&Stat> for FileStat {
    fn from(stat: &Stat) -> Self {
        Self {
            id: stat.into(),
            len: stat.st_size.cast_unsigned(),
            allocated: stat.st_blocks.cast_unsigned().saturating_mul(512),
            page_size: usize::try_from(stat.st_blksize).unwrap_or(0),
            owner: stat.st_uid,
            modified: modified(stat).unwrap_or(SystemTime::UNIX_EPOCH),
            has_name: stat.st_nlink > 0,
        }
    }
}

/// The owner may set any time; `None` if it is beyond the range of [`SystemTime`].
fn modified(stat: &Stat) -> Option<SystemTime> {
    let seconds = Duration::from_secs(stat.st_mtime.unsigned_abs());
    let start = SystemTime::UNIX_EPOCH;
    let whole = match stat.st_mtime {
        0.. => start.checked_add(seconds),
        _ => start.checked_sub(seconds),
    };
    whole?.checked_add(Duration::from_nanos(stat.st_mtime_nsec))
}
