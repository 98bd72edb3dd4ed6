//! A file that is open for looking at, and what is refused before that.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, open, statat};
use rustix::io::{Errno, pread, retry_on_intr};
use rustix::process::{Resource, geteuid, getrlimit};
use shm_core::{Access, BackendKind, ErrorKind, Header, Result};
use shm_map::system_error;

use crate::Locator;
use crate::processes::backend_of;
use crate::text::printable_bytes;

/// Where Linux keeps named shared memory. See `shm_overview(7)`.
pub(crate) const DIRECTORY: &str = "/dev/shm";

/// Which file, whatever its name: device and inode.
pub(crate) type FileId = (u64, u64);

/// What the kernel says of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) id: FileId,
    pub(crate) len: u64,
    pub(crate) allocated: u64,
    pub(crate) owner: u32,
    pub(crate) modified: SystemTime,
    pub(crate) has_name: bool,
}

impl From<&Stat> for Facts {
    fn from(stat: &Stat) -> Self {
        Self {
            id: (stat.st_dev, stat.st_ino),
            len: stat.st_size.cast_unsigned(),
            allocated: stat.st_blocks.cast_unsigned().saturating_mul(512),
            owner: stat.st_uid,
            modified: modified(stat).unwrap_or(SystemTime::UNIX_EPOCH),
            has_name: stat.st_nlink > 0,
        }
    }
}

/// Anybody may set any time: what is beyond the clock's range is none.
fn modified(stat: &Stat) -> Option<SystemTime> {
    let seconds = Duration::from_secs(stat.st_mtime.unsigned_abs());
    let start = SystemTime::UNIX_EPOCH;
    let whole = match stat.st_mtime {
        0.. => start.checked_add(seconds),
        _ => start.checked_sub(seconds),
    };
    whole?.checked_add(Duration::from_nanos(stat.st_mtime_nsec))
}

/// A regular file that is open for reading, and may be a segment.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) fd: OwnedFd,
    pub(crate) backend: BackendKind,
    pub(crate) facts: Facts,
}

impl Opened {
    /// Opens what is at that place, as [`find`](crate::find) does.
    pub(crate) fn at(place: &Locator) -> Result<Self> {
        match place {
            Locator::Entry(entry) => Self::entry(OsStr::new(entry)),
            Locator::Descriptor { pid, fd } => Self::descriptor(*pid, *fd),
        }
    }

    /// Opens an entry of `/dev/shm`: neither through a symlink, nor what is no regular file, as
    /// that may be a FIFO or a device, which notice.
    pub(crate) fn entry(entry: &OsStr) -> Result<Self> {
        let path = Path::new(DIRECTORY).join(entry);
        let object = || format!("{DIRECTORY}/{}", printable_bytes(entry.as_bytes()));
        let refused = |call, errno, stat: Option<&Stat>| match errno {
            Errno::NOENT => ErrorKind::NotFound {
                name: printable_bytes(entry.as_bytes()),
                backend: BackendKind::Shm,
                hint: "it was never created, or the last process that used it has ended",
            }
            .into(),
            Errno::ACCESS | Errno::PERM => match stat {
                Some(stat) if stat.st_uid != geteuid().as_raw() => ErrorKind::WrongOwner {
                    object: object(),
                    owner: stat.st_uid,
                    me: geteuid().as_raw(),
                }
                .into(),
                _ => denied(object()),
            },
            Errno::LOOP | Errno::NXIO | Errno::NODEV => {
                not_a_segment(object(), "not a regular file".into())
            }
            _ => system_error(call, object(), errno),
        };
        let stat = statat(CWD, &path, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| refused("lstat", errno, None))?;
        check(&stat, object)?;
        let fd = open_for_reading(&path, OFlags::NOFOLLOW)
            .map_err(|errno| refused("open", errno, Some(&stat)))?;
        Self::checked(fd, BackendKind::Shm, object)
    }

    /// Opens what a process has open, if that can be a segment.
    pub(crate) fn descriptor(pid: u32, fd: u32) -> Result<Self> {
        let path = format!("/proc/{pid}/fd/{fd}");
        let object = || path.clone();
        let refused = |call: &'static str, errno| match errno {
            Errno::NOENT | Errno::SRCH | Errno::NXIO => ErrorKind::NotFound {
                name: format!("{pid}:{fd}"),
                backend: BackendKind::Memfd,
                hint: "that process has ended, or has closed the file descriptor",
            }
            .into(),
            Errno::ACCESS | Errno::PERM => denied(object()),
            _ => system_error(call, object(), errno),
        };
        let target = rustix::fs::readlink(path.as_str(), Vec::new())
            .map_err(|errno| refused("readlink", errno))?;
        let Some(backend) = backend_of(target.to_bytes()) else {
            let reason = "neither a memfd nor a file of /dev/shm".into();
            return Err(not_a_segment(object(), reason));
        };
        let stat = rustix::fs::stat(path.as_str()).map_err(|errno| refused("stat", errno))?;
        check(&stat, object)?;
        let fd = open_for_reading(Path::new(&path), OFlags::empty())
            .map_err(|errno| refused("open", errno))?;
        Self::checked(fd, backend, object)
    }

    fn checked(fd: OwnedFd, backend: BackendKind, object: impl Fn() -> String) -> Result<Self> {
        let stat = fstat(&fd).map_err(|errno| system_error("fstat", object(), errno))?;
        check(&stat, object)?;
        Ok(Self { fd, backend, facts: Facts::from(&stat) })
    }

    /// Whether it begins as every segment does.
    pub(crate) fn has_magic(&self) -> bool {
        let mut start = [0; Header::MAGIC.len()];
        let is_read = read_at(self.fd.as_fd(), &mut start, 0) == Ok(start.len());
        is_read && start == Header::MAGIC
    }

    /// Whether this process has room for many file descriptors more: they are given out from the
    /// lowest.
    pub(crate) fn leaves_room(&self) -> bool {
        let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        self.fd.as_raw_fd().unsigned_abs() < u32::try_from(most / 2).unwrap_or(u32::MAX)
    }
}

/// Reads as much as there is from that offset on; tells how many bytes. See pread(2).
pub(crate) fn read_at(fd: BorrowedFd<'_>, to: &mut [u8], offset: u64) -> Result<usize, Errno> {
    let mut done = 0;
    while done < to.len() {
        match retry_on_intr(|| pread(fd, &mut to[done..], offset + done as u64))? {
            0 => break,
            count => done += count,
        }
    }
    Ok(done)
}

fn open_for_reading(path: &Path, more: OFlags) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | more;
    retry_on_intr(|| open(path, flags, Mode::empty()))
}

fn check(stat: &Stat, object: impl Fn() -> String) -> Result<()> {
    let kind = FileType::from_raw_mode(stat.st_mode);
    match kind {
        FileType::RegularFile => Ok(()),
        _ => Err(not_a_segment(object(), format!("{kind:?}, not a regular file"))),
    }
}

fn not_a_segment(object: String, reason: String) -> shm_core::Error {
    ErrorKind::NotASegment { object, reason }.into()
}

fn denied(object: String) -> shm_core::Error {
    ErrorKind::AccessDenied { object, access: Access::ReadOnly }.into()
}
