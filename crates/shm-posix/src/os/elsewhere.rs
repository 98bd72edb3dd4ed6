//! A system without named segments yet: none can be made, and no name leads to one.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fs::File;
use std::{fmt, io};

use shm_core::{Access, BackendKind, Error, ErrorKind, Name, Result};
use shm_map::{FileId, FileStat};

use crate::publish_by::Publish;

fn unsupported() -> Error {
    let reason = io::Error::from(io::ErrorKind::Unsupported).to_string();
    ErrorKind::BackendRefused { backend: BackendKind::Shm, reason }.into()
}

/// The name of a segment that would be there.
#[derive(Clone, Debug)]
pub(crate) struct SegmentPath(String);

impl fmt::Display for SegmentPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SegmentPath {
    pub(crate) fn of(name: &Name) -> Self {
        Self(name.to_string())
    }

    pub(crate) fn entry(file_name: &[u8]) -> Self {
        Self(String::from_utf8_lossy(file_name).into_owned())
    }

    pub(crate) fn is_of(&self, name: &Name) -> bool {
        self.0 == name.as_str()
    }

    pub(crate) fn name(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.0)
    }

    pub(crate) fn open(&self, _: Access) -> Result<File> {
        Err(unsupported())
    }

    pub(crate) fn check(&self, _: &File) -> Result<FileStat> {
        Err(unsupported())
    }

    pub(crate) fn is_regular_file(&self) -> bool {
        false
    }

    pub(crate) fn is_free(&self) -> Result<bool> {
        Err(unsupported())
    }

    pub(crate) fn unlink(&self) -> Result<bool> {
        Err(unsupported())
    }

    pub(crate) fn leads_to(&self, _: FileId) -> Result<bool> {
        Err(unsupported())
    }
}

pub(crate) fn entries() -> Result<impl Iterator<Item = io::Result<OsString>>> {
    Ok(std::iter::empty())
}

pub(crate) fn stat(_: &File, _: impl Fn() -> String) -> Result<FileStat> {
    Err(unsupported())
}

pub(crate) fn read_start(_: &File, _: &mut [u8], _: impl Fn() -> String) -> Result<usize> {
    Err(unsupported())
}

pub(crate) fn published<T>(
    publish: Publish,
    mut make: impl FnMut(Publish) -> Result<T>,
) -> Result<T> {
    make(publish)
}

/// A segment that was not published: never made here.
#[derive(Debug)]
pub(crate) struct Unpublished {
    file: File,
    id: FileId,
}

impl Unpublished {
    pub(crate) fn new(_: Publish) -> Result<Self> {
        Err(unsupported())
    }

    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn link(&self, _: &SegmentPath) -> Result<bool> {
        Err(unsupported())
    }

    pub(crate) fn rename_over(&self, _: &SegmentPath) -> Result<()> {
        Err(unsupported())
    }

    pub(crate) fn into_published(self) -> File {
        self.file
    }
}
