//! What a name leads to in `/dev/shm`, and what is refused there.

use std::borrow::Cow;
use std::ffi::{CStr, CString};
use std::fmt;
use std::fs::File;
use std::mem::MaybeUninit;

use rustix::fs::{FileType, Mode, OFlags, RawDir, SeekFrom, Stat, lstat, seek, unlink};
use rustix::io::Errno;
use rustix::process::geteuid;
use shm_core::{Access, BackendKind, Error, ErrorKind, Name, Result};
use shm_map::{FileId, FileStat, SHM_DIRECTORY, system_error};
use shm_presence::os::open;

use super::stat::fstat;

/// The directory entry of a name.
#[derive(Clone, Debug)]
pub(crate) struct SegmentPath {
    path: CString,
}

impl fmt::Display for SegmentPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path.to_string_lossy())
    }
}

impl SegmentPath {
    pub(crate) fn of(name: &Name) -> Self {
        Self::entry(name.as_bytes())
    }

    /// A temporary entry: a name that no array can have.
    pub(crate) fn temporary() -> Self {
        let unique = uuid::Uuid::new_v4().simple();
        Self::entry(format!("{}{unique}", Name::TEMPORARY_PREFIX).as_bytes())
    }

    /// An entry of the directory.
    pub(crate) fn entry(file_name: &[u8]) -> Self {
        let mut path = Vec::with_capacity(SHM_DIRECTORY.len() + file_name.len() + 2);
        path.extend_from_slice(SHM_DIRECTORY.as_bytes());
        path.push(b'/');
        path.extend_from_slice(file_name);
        Self { path: CString::new(path).unwrap_or_default() } // no name has a NUL
    }

    /// Whether it is that of this name: a copy that somebody made under another name is his.
    pub(crate) fn is_of(&self, name: &Name) -> bool {
        self.path == Self::of(name).path
    }

    pub(crate) fn path(&self) -> &CStr {
        &self.path
    }

    /// Its name in the directory.
    pub(crate) fn name(&self) -> Cow<'_, str> {
        let name = self.path.to_bytes().get(SHM_DIRECTORY.len() + 1..);
        String::from_utf8_lossy(name.unwrap_or_default())
    }

    /// Opens what is there, without following a symlink or waiting for a FIFO's other end.
    pub(crate) fn open(&self, access: Access) -> Result<File> {
        open(self.path(), access, OFlags::NOFOLLOW).map_err(|errno| self.open_error(errno, access))
    }

    fn open_error(&self, errno: Errno, access: Access) -> Error {
        let not_a_segment = |reason: &str| {
            ErrorKind::NotASegment { object: self.to_string(), reason: reason.into() }.into()
        };
        match errno {
            Errno::NOENT => ErrorKind::NotFound {
                name: self.name().into(),
                backend: BackendKind::Shm,
                hint: "it was never created, or the last process that used it has ended; a memfd array \
                       has no name that others can attach by",
            }
            .into(),
            Errno::LOOP => not_a_segment("a symbolic link"),
            Errno::ISDIR => not_a_segment("a directory"),
            Errno::NXIO | Errno::NODEV => not_a_segment("a socket or device"),
            Errno::ACCESS | Errno::PERM => match lstat(self.path()) {
                Ok(stat) if stat.st_uid != geteuid().as_raw() => self.wrong_owner(&stat),
                _ => ErrorKind::AccessDenied { object: self.to_string(), access }.into(),
            },
            _ => system_error("open", self.to_string(), errno),
        }
    }

    /// Checks what was opened: a regular file of this user.
    pub(crate) fn check(&self, file: &File) -> Result<FileStat> {
        let stat = fstat(file, || self.to_string())?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind != FileType::RegularFile {
            let (object, reason) = (self.to_string(), format!("{kind:?}, not a regular file"));
            return Err(ErrorKind::NotASegment { object, reason }.into());
        }
        if stat.st_uid != geteuid().as_raw() {
            return Err(self.wrong_owner(&stat));
        }
        Ok(FileStat::from(&stat))
    }

    fn wrong_owner(&self, stat: &Stat) -> Error {
        let (object, me) = (self.to_string(), geteuid().as_raw());
        ErrorKind::WrongOwner { object, owner: stat.st_uid, me }.into()
    }

    /// The owner of the regular file that bears the name, if one does; it is not opened for that.
    pub(crate) fn owner_of_file(&self) -> Option<u32> {
        let stat = lstat(self.path()).ok()?;
        (FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile).then_some(stat.st_uid)
    }

    /// Whether that is the user of this process.
    pub(crate) fn is_own(owner: u32) -> bool {
        owner == geteuid().as_raw()
    }

    /// Whether nothing bears the name.
    pub(crate) fn is_free(&self) -> Result<bool> {
        match lstat(self.path()) {
            Err(Errno::NOENT) => Ok(true),
            Ok(_) => Ok(false),
            Err(errno) => Err(system_error("lstat", self.to_string(), errno)),
        }
    }

    /// Removes the name; tells whether there was one.
    pub(crate) fn unlink(&self) -> Result<bool> {
        match unlink(self.path()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(system_error("unlink", self.to_string(), errno)),
        }
    }

    /// Whether the name leads to that file at this moment.
    pub(crate) fn leads_to(&self, file: FileId) -> Result<bool> {
        match lstat(self.path()) {
            Ok(now) => Ok(FileId::from(&now) == file),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(system_error("lstat", self.to_string(), errno)),
        }
    }
}

/// Where in the directory a walk through its entries goes on. See getdents(2), `d_off`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor(u64);

impl Cursor {
    pub(crate) const START: Self = Self(0);
}

/// Shows the names in the directory from there on, until `visit` has seen enough. Tells where to go on,
/// if there may be others; there are none without a directory.
pub(crate) fn walk(from: Cursor, mut visit: impl FnMut(&CStr) -> bool) -> Result<Option<Cursor>> {
    let fail = |call| move |errno| system_error(call, SHM_DIRECTORY, errno);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = match rustix::fs::open(SHM_DIRECTORY, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        result => result.map_err(fail("open"))?,
    };
    if from.0 > 0 {
        seek(&directory, SeekFrom::Start(from.0)).map_err(fail("lseek"))?;
    }
    let mut space = [MaybeUninit::uninit(); 8192];
    let mut entries = RawDir::new(&directory, &mut space);
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(fail("getdents64"))?;
        if !visit(entry.file_name()) {
            return Ok(Some(Cursor(entry.next_entry_cookie())));
        }
    }
    Ok(None)
}
