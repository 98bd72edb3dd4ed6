//! Systems without a file of their own: no array can be handed over.

use std::convert::Infallible;
use std::fs::File;
use std::process::{Child, Command};
use std::time::Duration;

use shm_core::{Error, Result};

use crate::io::{InheritedFile, Ready, Received, Sent};

/// The least number that an inherited file can have.
pub(crate) const LEAST_FD: i32 = 3;

/// A file that is about to be sent.
pub(crate) type FileRef<'a> = &'a File;

/// A socket that arrays can be sent over: there is none on this system.
#[derive(Debug)]
pub struct Socket(Infallible);

fn unsupported(call: &'static str) -> Error {
    Error::os(call, "an array", std::io::ErrorKind::Unsupported.into())
}

pub(crate) fn file_ref(file: &File) -> FileRef<'_> {
    file
}

pub(crate) fn wait(socket: &Socket, _: Ready, _: Option<Duration>) -> Result<()> {
    match socket.0 {}
}

pub(crate) fn is_same_user(socket: &Socket) -> Result<bool> {
    match socket.0 {}
}

pub(crate) fn is_writable(_: FileRef<'_>) -> Result<bool> {
    Err(unsupported("fcntl"))
}

pub(crate) fn reopen(_: FileRef<'_>) -> Result<File> {
    Err(unsupported("open"))
}

pub(crate) fn may_reopen(_: FileRef<'_>) -> Result<bool> {
    Ok(false)
}

pub(crate) fn send(socket: &Socket, _: &[u8], _: &[FileRef<'_>]) -> Result<Sent> {
    match socket.0 {}
}

pub(crate) fn receive(socket: &Socket, _: &mut [u8]) -> Result<Received> {
    match socket.0 {}
}

pub(crate) fn check_file_limit(socket: &Socket) -> Result<()> {
    match socket.0 {}
}

pub(crate) fn inherit(_: &mut Command, _: &File) -> Result<InheritedFile> {
    Err(unsupported("exec"))
}

pub(crate) fn take(_: &InheritedFile) -> Result<File, String> {
    Err("this system hands over no files".into())
}

pub(crate) fn end_with_parent(_: &mut Command) -> Result<()> {
    Err(unsupported("prctl"))
}

pub(crate) fn wait_for_end(_: &[&mut Child], _: Option<Duration>) -> Result<()> {
    Err(unsupported("pidfd_open"))
}
