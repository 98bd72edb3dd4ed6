//! A segment that nobody else can see yet, and the step in which it is published.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, RenameFlags, fchmod, linkat, open, rename, renameat_with, unlink,
};
use rustix::io::Errno;
use shm_core::{BackendKind, Error, ErrorKind, Result};
use shm_map::system_error;
use shm_presence::{join, wait_until};

use super::directory::{DIRECTORY, SegmentPath};
use super::facts::{Facts, FileId};

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
            || DIRECTORY.into(),
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
        let fd = match open(DIRECTORY, flags, MODE) {
            // open(2): EOPNOTSUPP for a file system without it, EISDIR for a kernel without it.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => return Err(refused()),
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
        let (unpublished, facts) = Self::prepare(Some(temporary), fd.into())?;
        Ok(facts.has_name().then_some(unpublished))
    }

    /// Becomes present in it, and sees to its mode, whatever the umask.
    fn prepare(temporary: Option<Temporary>, file: File) -> Result<(Self, Facts)> {
        join(&file)?;
        let facts = Facts::of(&file, || DIRECTORY.into())?;
        if Mode::from_raw_mode(facts.0.st_mode) != MODE {
            fchmod(&file, MODE).map_err(|errno| system_error("fchmod", DIRECTORY, errno))?;
        }
        Ok((Self { temporary, file, id: facts.id() }, facts))
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
            Err(errno) => Err(link_error(place, errno)),
        }
    }

    fn try_link(&self, place: &SegmentPath) -> Result<(), Errno> {
        if let Some(from) = &self.temporary {
            let from = from.place.path();
            return renameat_with(CWD, from, CWD, place.path(), RenameFlags::NOREPLACE);
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

    /// Gives it its name, and takes the name from whatever bears it.
    pub(crate) fn rename_over(&self, place: &SegmentPath) -> Result<()> {
        let fail = |errno| system_error("rename", place.to_string(), errno);
        if let Some(from) = &self.temporary {
            return rename(from.place.path(), place.path()).map_err(fail);
        }
        let mut from = Temporary::new();
        self.try_link(&from.place).map_err(|errno| link_error(&from.place, errno))?;
        rename(from.place.path(), place.path()).map_err(fail)?;
        from.renamed = true;
        Ok(())
    }

    /// The file, which has its name now.
    pub(crate) fn into_published(mut self) -> File {
        if let Some(temporary) = &mut self.temporary {
            temporary.renamed = true;
        }
        self.file
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
