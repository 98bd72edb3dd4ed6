//! A system without files for locks: arrays have none.

use std::fs::File;
use std::io;

use shm_core::{Error, Result};

/// Why there is no lock file.
#[derive(Debug)]
pub(crate) struct Refusal;

impl Refusal {
    pub(crate) fn to_error(&self) -> Error {
        let object = "a file for the locks of anonymous arrays";
        Error::os("open", object, io::ErrorKind::Unsupported.into())
    }
}

pub(crate) fn unnamed_file() -> Result<File, Refusal> {
    Err(Refusal)
}

pub(crate) fn open_afresh(_: &File) -> Result<File> {
    Err(Refusal.to_error())
}
