//! The file that an array or a picture is written to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// A path, as the command line has it. What is to appear in one step cannot go to standard output.
pub(crate) fn file(text: &str) -> Result<PathBuf, String> {
    if text == "-" {
        return Err(
            "standard output is not possible, as the file appears in one step; a file that \
                    is called so is ./-"
                .to_owned(),
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
        // What else is wrong, writing tells.
        _ => Ok(()),
    }
}
