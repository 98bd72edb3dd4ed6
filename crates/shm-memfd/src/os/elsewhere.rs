//! A system without such files: no segment can be made or attached.

use std::fs::File;
use std::io;

use shm_core::{Access, BackendKind, Error, ErrorKind, Name, Origin, Result};
use shm_map::FileStat;

fn unsupported() -> Error {
    let reason = io::Error::from(io::ErrorKind::Unsupported).to_string();
    ErrorKind::BackendRefused { backend: BackendKind::Memfd, reason }.into()
}

pub(crate) fn unnamed_file(_: &Name, _: Option<usize>) -> Result<File> {
    Err(unsupported())
}

pub(crate) fn fix_size(_: &File, _: &Name) -> Result<()> {
    Err(unsupported())
}

pub(crate) fn freeze(_: &File, _: &Name) -> Result<()> {
    Err(unsupported())
}

/// What the system enforces on a file: nothing.
pub(crate) struct Seals;

impl Seals {
    pub(crate) fn of(_: &File) -> Result<Self> {
        Err(unsupported())
    }

    pub(crate) fn missing_for_size(&self) -> Option<String> {
        Some("all".into())
    }

    pub(crate) fn are_frozen(&self) -> bool {
        false
    }

    pub(crate) fn refuse_writers(&self) -> bool {
        false
    }
}

pub(crate) fn shown(_: &File) -> String {
    "a file".into()
}

pub(crate) fn stat(_: &File) -> Result<FileStat> {
    Err(unsupported())
}

pub(crate) fn open_origin(_: Origin, _: Access) -> Result<File> {
    Err(unsupported())
}

pub(crate) fn is_overcommit_strict() -> bool {
    true
}
