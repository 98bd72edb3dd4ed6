//! Opens files that may be segments, and refuses the others before that.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, OFlags, SealFlags, Stat, fcntl_get_seals, fstat, statat};
use rustix::io::{Errno, pread, retry_on_intr};
use rustix::process::{Resource, geteuid, getrlimit};
use shm_core::{Access, BackendKind, Error, ErrorKind, Header, Result};
use shm_map::{FileStat, SHM_DIRECTORY, system_error};
use shm_presence::os::open;

use super::entries::backend_of;
use crate::file::OpenFile;
use crate::text::printable_bytes;

/// The seals of a frozen segment. See fcntl(2), "File Sealing".
const FROZEN: SealFlags =
    SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::WRITE).union(SealFlags::SEAL);

/// Opens an entry of `/dev/shm`: neither through a symlink, nor if it is not a regular file. A FIFO
/// or a device would notice.
pub(crate) fn open_entry(entry: &OsStr) -> Result<OpenFile> {
    let path = Path::new(SHM_DIRECTORY).join(entry);
    let object = || format!("{SHM_DIRECTORY}/{}", printable_bytes(entry.as_bytes()));
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
    let file = open_for_reading(&path, OFlags::NOFOLLOW)
        .map_err(|errno| refused("open", errno, Some(&stat)))?;
    checked(file, BackendKind::Shm, object)
}

/// The user id of an entry's owner, whether or not this user may open it.
pub(crate) fn entry_owner(entry: &OsStr) -> Option<u32> {
    let path = Path::new(SHM_DIRECTORY).join(entry);
    statat(CWD, &path, AtFlags::SYMLINK_NOFOLLOW).ok().map(|stat| stat.st_uid)
}

/// Opens the file behind a file descriptor of a process, if that file can be a segment.
pub(crate) fn open_descriptor(pid: u32, fd: u32) -> Result<OpenFile> {
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
    let file = open_for_reading(Path::new(&path), OFlags::empty())
        .map_err(|errno| refused("open", errno))?;
    checked(file, backend, object)
}

fn checked(file: File, backend: BackendKind, object: impl Fn() -> String) -> Result<OpenFile> {
    let stat = fstat(&file).map_err(|errno| system_error("fstat", object(), errno))?;
    check(&stat, object)?;
    Ok(OpenFile { file, backend, stat: FileStat::from(&stat) })
}

fn check(stat: &Stat, object: impl Fn() -> String) -> Result<()> {
    let kind = FileType::from_raw_mode(stat.st_mode);
    match kind {
        FileType::RegularFile => Ok(()),
        _ => Err(not_a_segment(object(), format!("{kind:?}, not a regular file"))),
    }
}

fn open_for_reading(path: &Path, more: OFlags) -> Result<File, Errno> {
    retry_on_intr(|| open(path, Access::ReadOnly, more))
}

fn not_a_segment(object: String, reason: String) -> Error {
    ErrorKind::NotASegment { object, reason }.into()
}

fn denied(object: String) -> Error {
    ErrorKind::AccessDenied { object, access: Access::ReadOnly }.into()
}

/// Whether this process can open many more files than up to this one: the kernel gives out the lowest
/// free file descriptor.
pub(crate) fn has_room_for_more(file: &File) -> bool {
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    file.as_raw_fd().unsigned_abs() < u32::try_from(most / 2).unwrap_or(u32::MAX)
}

/// Whether the kernel refuses every writer.
pub(crate) fn is_frozen(file: &File) -> bool {
    fcntl_get_seals(file).is_ok_and(|seals| seals.contains(FROZEN))
}

/// Whether any process has the segment attached.
pub(crate) fn is_in_use(file: &File) -> Result<bool> {
    shm_presence::ask_others(file)
}

/// Reads a segment's header, and checks it against the length of the file.
pub(crate) fn read_header(file: &File, len: u64) -> Result<Header> {
    shm_map::read_header(file, len)
}

/// Reads from `offset` on up to the file's end; returns how many bytes there were. See pread(2).
pub(crate) fn read_at(file: &File, to: &mut [u8], offset: u64) -> Result<usize> {
    let mut done = 0;
    while done < to.len() {
        let count = retry_on_intr(|| pread(file, &mut to[done..], offset + done as u64))
            .map_err(|errno| system_error("pread", "a segment", errno))?;
        match count {
            0 => break,
            count => done += count,
        }
    }
    Ok(done)
}
