//! What a name leads to in `/dev/shm`, and what is refused there.

use std::borrow::Cow;
use std::ffi::{CStr, CString, OsString};
use std::fs::File;
use std::{fmt, io};

use rustix::fs::{FileType, OFlags, Stat, lstat, unlink};
use rustix::io::Errno;
use rustix::process::geteuid;
use shm_core::{Access, BackendKind, Error, ErrorKind, Name, Result};
use shm_map::system_error;
use shm_presence::os::open;

use super::facts::{Facts, FileId};

/// Where Linux keeps named shared memory. See `shm_overview(7)`.
pub(crate) const DIRECTORY: &str = "/dev/shm";

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
        Self::entry(format!("{}{unique}", Self::TEMPORARY_PREFIX).as_bytes())
    }

    pub(crate) const TEMPORARY_PREFIX: &'static str = ".shmarray-tmp-";

    /// An entry of the directory.
    pub(crate) fn entry(file_name: &[u8]) -> Self {
        let mut path = Vec::with_capacity(DIRECTORY.len() + file_name.len() + 2);
        path.extend_from_slice(DIRECTORY.as_bytes());
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
        let name = self.path.to_bytes().get(DIRECTORY.len() + 1..);
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
    pub(crate) fn check(&self, file: &File) -> Result<Facts> {
        let Facts(stat) = Facts::of(file, || self.to_string())?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind != FileType::RegularFile {
            let (object, reason) = (self.to_string(), format!("{kind:?}, not a regular file"));
            return Err(ErrorKind::NotASegment { object, reason }.into());
        }
        if stat.st_uid != geteuid().as_raw() {
            return Err(self.wrong_owner(&stat));
        }
        Ok(Facts(stat))
    }

    fn wrong_owner(&self, stat: &Stat) -> Error {
        let (object, me) = (self.to_string(), geteuid().as_raw());
        ErrorKind::WrongOwner { object, owner: stat.st_uid, me }.into()
    }

    /// Whether a regular file bears the name; it is not opened for that.
    pub(crate) fn is_regular_file(&self) -> bool {
        let kind = lstat(self.path()).map(|stat| FileType::from_raw_mode(stat.st_mode));
        kind == Ok(FileType::RegularFile)
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

/// The names in the directory; none without a directory.
pub(crate) fn entries() -> Result<impl Iterator<Item = io::Result<OsString>>> {
    let entries = match std::fs::read_dir(DIRECTORY) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        result => Some(result.map_err(|error| Error::os("open", DIRECTORY, error))?),
    };
    Ok(entries.into_iter().flatten().map(|entry| entry.map(|entry| entry.file_name())))
}
