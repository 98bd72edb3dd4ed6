//! Systems without a file of their own: nothing can be listed, and nothing is found.

use std::ffi::{OsStr, OsString};
use std::fs::File;

use shm_core::{Error, Header, Result};
use shm_map::FileId;

use crate::file::OpenFile;
use crate::process::{ProcessError, ProcessFd};

fn unsupported(object: impl Into<String>) -> Error {
    Error::os("open", object, std::io::ErrorKind::Unsupported.into())
}

pub(crate) fn entries() -> Result<Vec<OsString>> {
    Ok(Vec::new())
}

pub(crate) fn entries_device() -> Result<Option<u64>> {
    Ok(None)
}

pub(crate) fn entry_owner(_: &OsStr) -> Option<u32> {
    None
}

pub(crate) fn open_entry(entry: &OsStr) -> Result<OpenFile> {
    Err(unsupported(entry.to_string_lossy()))
}

pub(crate) fn open_descriptor(pid: u32, fd: u32) -> Result<OpenFile> {
    Err(unsupported(format!("{pid}:{fd}")))
}

pub(crate) fn has_room_for_more(_: &File) -> bool {
    true
}

pub(crate) fn is_frozen(_: &File) -> bool {
    false
}

pub(crate) fn is_in_use(_: &File) -> Result<bool> {
    Err(unsupported("a segment"))
}

pub(crate) fn read_at(_: &File, _: &mut [u8], _: u64) -> Result<usize> {
    Err(unsupported("a segment"))
}

pub(crate) fn read_header(_: &File, _: u64) -> Result<Header> {
    Err(unsupported("a segment"))
}

pub(crate) fn processes() -> Result<Vec<u32>> {
    Err(unsupported("the list of processes"))
}

pub(crate) fn fds(_: u32) -> Result<Vec<ProcessFd>, ProcessError> {
    Err(ProcessError::Failed(unsupported("a process")))
}

pub(crate) fn mappings(_: u32) -> Result<Vec<FileId>, ProcessError> {
    Err(ProcessError::Failed(unsupported("a process")))
}

pub(crate) fn command(_: u32) -> String {
    String::new()
}
