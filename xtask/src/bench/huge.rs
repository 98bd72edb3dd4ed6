//! `--huge`: lets shared memory have huge pages for as long as a run takes, and puts back what was set.
//! See <https://docs.kernel.org/admin-guide/mm/transhuge.html>.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// What the kernel allows of huge pages in shared memory.
const SETTING: &str = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";

/// Huge pages for whoever asks by `madvise`, as [`Huge`] sets it.
const ADVISE: &str = "advise";

/// What is set now: the word in brackets.
pub(crate) fn setting() -> Result<String> {
    chosen(Path::new(SETTING))
}

/// A setting that is put back when this is dropped.
#[derive(Debug)]
pub(crate) struct Huge {
    file: PathBuf,
    before: String,
}

impl Huge {
    /// Allows them, if root asks.
    pub(crate) fn allow() -> Result<Self> {
        Self::set(Path::new(SETTING)).context("`--huge` needs root, and a kernel with huge pages")
    }

    fn set(file: &Path) -> Result<Self> {
        let before = chosen(file)?;
        fs::write(file, ADVISE).with_context(|| file.display().to_string())?;
        Ok(Self { file: file.into(), before })
    }
}

impl Drop for Huge {
    fn drop(&mut self) {
        if let Err(error) = fs::write(&self.file, &self.before) {
            let Self { file, before } = self;
            eprintln!("cannot put {before} back into {}: {error}", file.display());
        }
    }
}

fn chosen(file: &Path) -> Result<String> {
    let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let word = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    Ok(word.with_context(|| format!("{}: {text}", file.display()))?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_is_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("shmem_enabled");
        fs::write(&file, "always within_size advise [never] deny force\n").unwrap();
        let huge = Huge::set(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "advise");
        drop(huge);
        assert_eq!(fs::read_to_string(&file).unwrap(), "never");
        assert!(Huge::set(&file).is_err(), "no word in brackets");
    }
}
