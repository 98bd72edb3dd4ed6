//! A segment that nobody else can see yet, and the step in which it is published.

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, RenameFlags, Stat, fchmod, linkat, lstat, open, rename,
    renameat_with, statvfs, unlink,
};
use rustix::io::Errno;
use shm_core::{BackendKind, Error, ErrorKind, Result};
use shm_map::{FileId, SHM_DIRECTORY, system_error};
use shm_presence::{join, wait_until};

use super::directory::SegmentPath;
use super::stat::fstat;
use crate::publish_by::Publish;

/// What this process has learned about its system: asking again would only fail again.
static UNNAMED_REFUSED: AtomicBool = AtomicBool::new(false);

/// For its user alone.
const MODE: Mode = Mode::RUSR.union(Mode::WUSR);

const REFUSED: &str = "it cannot publish an unnamed file";

/// Makes a segment in that way, or under a temporary name where unnamed files are refused.
pub(crate) fn published<T>(
    publish: Publish,
    mut make: impl FnMut(Publish) -> Result<T>,
) -> Result<T> {
    match make(publish) {
        Err(error) if is_unnamed_refused(&error) => {
            let made = make(Publish::Temporary)?;
            if !UNNAMED_REFUSED.swap(true, Relaxed) {
                tracing::warn!(
                    %error,
                    "segments are made under a temporary name: a crash may leave it behind until \
                     the next create"
                );
            }
            Ok(made)
        }
        result => result,
    }
}

fn is_unnamed_refused(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::BackendRefused { reason, .. } if reason == REFUSED)
}

fn refused() -> Error {
    ErrorKind::BackendRefused { backend: BackendKind::Shm, reason: REFUSED.into() }.into()
}

/// An open file with its presence lock taken, not published. Dropping it leaves nothing.
#[derive(Debug)]
pub(crate) struct Unpublished {
    // Dropped first: until then the entry has somebody present.
    temporary: Option<Temporary>,
    file: File,
    id: FileId,
}

/// A temporary entry, removed on drop unless it was renamed.
#[derive(Debug)]
struct Temporary {
    place: SegmentPath,
    renamed: bool,
}

impl Temporary {
    fn new() -> Self {
        Self { place: SegmentPath::temporary(), renamed: false }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed {
            // Nobody else removes it while its creator is present; gone already is as good.
            let _ = unlink(self.place.path());
        }
    }
}

impl Unpublished {
    pub(crate) fn new(publish: Publish) -> Result<Self> {
        if publish == Publish::Unnamed && !UNNAMED_REFUSED.load(Relaxed) {
            return Self::unnamed();
        }
        let mut unpublished = None;
        wait_until(
            || SHM_DIRECTORY.into(),
            "processes that remove its temporary entries",
            || {
                unpublished = Self::temporary()?;
                Ok(unpublished.is_some())
            },
        )?;
        unpublished.ok_or_else(refused)
    }

    fn unnamed() -> Result<Self> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let fd = match open(SHM_DIRECTORY, flags, MODE) {
            // open(2): EOPNOTSUPP for a file system without it, EISDIR for a kernel without it. The
            // others are the words of sandboxes, which may let a file with a name pass.
            Err(
                Errno::OPNOTSUPP
                | Errno::ISDIR
                | Errno::INVAL
                | Errno::ACCESS
                | Errno::PERM
                | Errno::NOSYS,
            ) => return Err(refused()),
            result => result.map_err(open_error)?,
        };
        Ok(Self::prepare(None, fd.into())?.0)
    }

    /// `None` if a sweep took the entry before this became present in it.
    fn temporary() -> Result<Option<Self>> {
        let temporary = Temporary::new();
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        let fd = open(temporary.place.path(), flags, MODE);
        let fd = fd.map_err(open_error)?;
        let (unpublished, stat) = Self::prepare(Some(temporary), fd.into())?;
        Ok((stat.st_nlink > 0).then_some(unpublished))
    }

    /// Becomes present in it, and sees to its mode, whatever the umask.
    fn prepare(temporary: Option<Temporary>, file: File) -> Result<(Self, Stat)> {
        join(&file)?;
        let stat = fstat(&file, || SHM_DIRECTORY.into())?;
        if Mode::from_raw_mode(stat.st_mode) != MODE {
            fchmod(&file, MODE).map_err(|errno| system_error("fchmod", SHM_DIRECTORY, errno))?;
        }
        Ok((Self { temporary, file, id: FileId::from(&stat) }, stat))
    }

    /// Which file it is.
    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Gives it its name; tells whether the name was free.
    pub(crate) fn link(&self, place: &SegmentPath) -> Result<bool> {
        match self.try_link(place) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(errno) => Err(self.link_error(place, errno)),
        }
    }

    fn try_link(&self, place: &SegmentPath) -> Result<(), Errno> {
        if let Some(from) = &self.temporary {
            return rename_to_free(from.place.path(), place.path());
        }
        match linkat(&self.file, "", CWD, place.path(), AtFlags::EMPTY_PATH) {
            // Before Linux 6.10 it takes a capability; open(2) tells the way through /proc.
            Err(Errno::NOENT) => {
                let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
                linkat(CWD, path.as_str(), CWD, place.path(), AtFlags::SYMLINK_FOLLOW)
            }
            result => result,
        }
    }

    fn link_error(&self, place: &SegmentPath, errno: Errno) -> Error {
        if matches!(errno, Errno::NOSPC | Errno::DQUOT) {
            return open_error(errno);
        }
        if self.temporary.is_some() {
            return system_error("rename", place.to_string(), errno);
        }
        match errno {
            Errno::NOENT | Errno::OPNOTSUPP | Errno::NOSYS => refused(),
            // Hardened kernels and sandboxes say so of a link, and let a rename pass.
            Errno::ACCESS | Errno::PERM | Errno::XDEV => refused(),
            _ => system_error("linkat", place.to_string(), errno),
        }
    }

    /// Gives it its name, and takes the name from whatever bears it.
    pub(crate) fn rename_over(&self, place: &SegmentPath) -> Result<()> {
        let fail = |errno| system_error("rename", place.to_string(), errno);
        if let Some(from) = &self.temporary {
            return rename(from.place.path(), place.path()).map_err(fail);
        }
        let mut from = Temporary::new();
        self.try_link(&from.place).map_err(|errno| self.link_error(&from.place, errno))?;
        rename(from.place.path(), place.path()).map_err(fail)?;
        from.renamed = true;
        Ok(())
    }

    /// The file, unless it has a temporary name.
    pub(crate) fn into_unnamed(self) -> Option<File> {
        self.temporary.is_none().then_some(self.file)
    }

    /// The file, which has its name now.
    pub(crate) fn into_published(mut self) -> File {
        if let Some(temporary) = &mut self.temporary {
            temporary.renamed = true;
        }
        self.file
    }
}

/// Renames to a name that nothing bears.
fn rename_to_free(from: &CStr, to: &CStr) -> Result<(), Errno> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // rename(2): EINVAL where the file system does not know the flag, ENOSYS where the kernel does
        // not know the call. Others refuse calls that they do not know by EPERM.
        Err(Errno::INVAL | Errno::NOSYS | Errno::PERM) => {
            linkat(CWD, from, CWD, to, AtFlags::empty())?;
            unlink(from)
        }
        result => result,
    }
}

fn open_error(errno: Errno) -> Error {
    let reason = match errno {
        Errno::NOENT | Errno::NOTDIR if lstat(SHM_DIRECTORY).is_err() => {
            format!("{SHM_DIRECTORY} is not there")
        }
        Errno::NOENT | Errno::NOTDIR => {
            format!("no file can be made in {SHM_DIRECTORY}: {}", std::io::Error::from(errno))
        }
        Errno::ACCESS | Errno::PERM | Errno::ROFS => {
            format!("{SHM_DIRECTORY} may not be written: {}", std::io::Error::from(errno))
        }
        Errno::NOSPC => return too_many_files("its number of files"),
        Errno::DQUOT => return too_many_files("this user's quota there"),
        _ => return system_error("open", SHM_DIRECTORY, errno),
    };
    ErrorKind::BackendRefused { backend: BackendKind::Shm, reason }.into()
}

/// The error for one file too many; with the number that is left, if that explains it.
fn too_many_files(limit: &str) -> Error {
    let left = statvfs(SHM_DIRECTORY).ok().map(|stat| stat.f_favail).filter(|left| *left == 0);
    let place = format!("{SHM_DIRECTORY} ({limit})");
    ErrorKind::NoSpace { needs: 1, has: left, place }.into()
}
