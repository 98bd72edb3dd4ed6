//! The file that an array or a picture is written to.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::builder::{OsStringValueParser, TypedValueParser};

/// Takes a path of the command line, UTF-8 or not.
pub(crate) fn parser() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().try_map(file)
}

/// Refuses standard output, where a file cannot appear in one step.
fn file(text: OsString) -> Result<PathBuf, &'static str> {
    if text == "-" {
        return Err(
            "the file appears in one step, so it cannot be standard output; a file that is \
                    called so is ./-",
        );
    }
    Ok(text.into())
}

/// Refuses a file whose folder is missing, before anything is done.
pub(crate) fn check_folder(file: &Path) -> Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Some(folder) = folder else { return Ok(()) };
    match fs::metadata(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("there is no folder {}", folder.display())
        }
        Ok(found) if !found.is_dir() => bail!("{} is no folder", folder.display()),
        // The write reports any other fault.
        _ => Ok(()),
    }
}
