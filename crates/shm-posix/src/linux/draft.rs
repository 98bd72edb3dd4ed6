//! A segment that nobody else can see yet, and the step in which it is published.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, RenameFlags, Stat, fchmod, fstat, linkat, open, rename,
    renameat_with, unlink,
};
use rustix::io::Errno;
use shm_core::{BackendKind, Error, ErrorKind, Result};
use shm_map::system_error;
use shm_presence::{join, wait_until};

use super::directory::{DIRECTORY, FileId, SegmentPath};
use super::names::{Bearer, collect_orphan, is_being_asked};

/// How a segment exists before it is published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Publish {
    /// Without a name (`O_TMPFILE`), so that a crash leaves nothing. Where the system refuses it
    /// (gVisor, or neither `/proc` nor `AT_EMPTY_PATH`), [`Temporary`](Self::Temporary) is used,
    /// with a warning.
    #[default]
    Unnamed,
    /// Under a temporary name, then renamed. A crash in between leaves that name, which the first
    /// create of a later process removes.
    Temporary,
}

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
            tracing::warn!(
                %error,
                "segments are made under a temporary name: a crash may leave it behind until the \
                 next create"
            );
            make(Publish::Temporary)
        }
        result => result,
    }
}

fn is_unnamed_refused(error: &Error) -> bool {
    let refused =
        matches!(error.kind(), ErrorKind::BackendRefused { reason, .. } if reason == REFUSED);
    if refused {
        UNNAMED_REFUSED.store(true, Relaxed);
    }
    refused
}

fn refused() -> Error {
    ErrorKind::BackendRefused { backend: BackendKind::Shm, reason: REFUSED.into() }.into()
}

/// An open file with its presence lock taken, not published. Dropping it leaves nothing.
#[derive(Debug)]
pub(crate) struct Draft {
    // Dropped first: until then the entry has somebody present.
    temporary: Option<Temporary>,
    fd: OwnedFd,
    file: FileId,
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

impl Draft {
    pub(crate) fn new(publish: Publish) -> Result<Self> {
        if publish == Publish::Unnamed && !UNNAMED_REFUSED.load(Relaxed) {
            return Self::unnamed();
        }
        let mut draft = None;
        wait_until(
            || DIRECTORY.into(),
            "processes that remove its temporary entries",
            || {
                draft = Self::temporary()?;
                Ok(draft.is_some())
            },
        )?;
        draft.ok_or_else(refused)
    }

    fn unnamed() -> Result<Self> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let fd = match open(DIRECTORY, flags, MODE) {
            // open(2): EOPNOTSUPP for a file system without it, EISDIR for a kernel without it.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => return Err(refused()),
            result => result.map_err(open_error)?,
        };
        Ok(Self::prepare(None, fd)?.0)
    }

    /// `None` if a sweep took the entry before this became present in it.
    fn temporary() -> Result<Option<Self>> {
        let temporary = Temporary::new();
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        let fd = open(temporary.place.path(), flags, MODE);
        let fd = fd.map_err(open_error)?;
        let (draft, stat) = Self::prepare(Some(temporary), fd)?;
        Ok((stat.st_nlink > 0).then_some(draft))
    }

    /// Becomes present in it, and sees to its mode, whatever the umask.
    fn prepare(temporary: Option<Temporary>, fd: OwnedFd) -> Result<(Self, Stat)> {
        join(fd.as_fd())?;
        let stat = fstat(&fd).map_err(|errno| system_error("fstat", DIRECTORY, errno))?;
        if Mode::from_raw_mode(stat.st_mode) != MODE {
            fchmod(&fd, MODE).map_err(|errno| system_error("fchmod", DIRECTORY, errno))?;
        }
        Ok((Self { temporary, fd, file: FileId::from(&stat) }, stat))
    }

    /// Which file it is.
    pub(crate) fn file(&self) -> FileId {
        self.file
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Gives it its name, unless the name is taken by more than an orphan. Somebody who asks whether it
    /// is one is waited for.
    pub(crate) fn publish(self, place: &SegmentPath) -> Result<OwnedFd> {
        let mut linked = Ok(());
        let attempt = || {
            linked = self.link(place);
            if linked == Err(Errno::EXIST) && collect_orphan(place) {
                linked = self.link(place);
            }
            Ok(linked != Err(Errno::EXIST) || !is_being_asked(place))
        };
        let holder = "a process that checks whether anybody is attached";
        wait_until(|| place.to_string(), holder, attempt)?;
        match linked {
            Ok(()) => Ok(self.into_published()),
            Err(Errno::EXIST) => {
                let name = place.name().into();
                Err(ErrorKind::AlreadyExists { name, backend: BackendKind::Shm }.into())
            }
            Err(errno) => Err(link_error(place, errno)),
        }
    }

    /// Gives it its name, and takes the name from whatever bears it.
    pub(crate) fn replace(self, place: &SegmentPath) -> Result<OwnedFd> {
        let attempt = || match self.link(place) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => {
                let Some(_predecessor) = Bearer::lock(place)? else {
                    return Ok(false);
                };
                self.rename_over(place)?;
                Ok(true)
            }
            Err(errno) => Err(link_error(place, errno)),
        };
        wait_until(|| place.to_string(), "processes that replace it without end", attempt)?;
        Ok(self.into_published())
    }

    fn link(&self, place: &SegmentPath) -> Result<(), Errno> {
        if let Some(from) = &self.temporary {
            let from = from.place.path();
            return renameat_with(CWD, from, CWD, place.path(), RenameFlags::NOREPLACE);
        }
        match linkat(&self.fd, "", CWD, place.path(), AtFlags::EMPTY_PATH) {
            // Before Linux 6.10 it takes a capability; open(2) tells the way through /proc.
            Err(Errno::NOENT) => {
                let path = format!("/proc/self/fd/{}", self.fd.as_raw_fd());
                linkat(CWD, path.as_str(), CWD, place.path(), AtFlags::SYMLINK_FOLLOW)
            }
            result => result,
        }
    }

    fn rename_over(&self, place: &SegmentPath) -> Result<()> {
        let fail = |errno| system_error("rename", place.to_string(), errno);
        if let Some(from) = &self.temporary {
            return rename(from.place.path(), place.path()).map_err(fail);
        }
        let mut from = Temporary::new();
        self.link(&from.place).map_err(|errno| link_error(&from.place, errno))?;
        rename(from.place.path(), place.path()).map_err(fail)?;
        from.renamed = true;
        Ok(())
    }

    fn into_published(mut self) -> OwnedFd {
        if let Some(temporary) = &mut self.temporary {
            temporary.renamed = true;
        }
        self.fd
    }
}

fn open_error(errno: Errno) -> Error {
    let reason = match errno {
        Errno::NOENT | Errno::NOTDIR => format!("{DIRECTORY} is not there"),
        Errno::ACCESS | Errno::PERM | Errno::ROFS => {
            format!("{DIRECTORY} may not be written: {}", std::io::Error::from(errno))
        }
        Errno::NOSPC | Errno::DQUOT => {
            let place = format!("{DIRECTORY} (its number of files)");
            return ErrorKind::NoSpace { needs: 1, has: Some(0), place }.into();
        }
        _ => return system_error("open", DIRECTORY, errno),
    };
    ErrorKind::BackendRefused { backend: BackendKind::Shm, reason }.into()
}

fn link_error(place: &SegmentPath, errno: Errno) -> Error {
    match errno {
        Errno::NOENT | Errno::OPNOTSUPP => refused(),
        Errno::NOSPC | Errno::DQUOT => open_error(errno),
        _ => system_error("linkat", place.to_string(), errno),
    }
}
