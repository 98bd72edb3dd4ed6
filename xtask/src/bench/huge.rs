//! `--huge`: whether shared memory gets huge pages, set for as long as a run takes; then it is put back.
//! `/dev/shm` has a setting of its own, so a program has one mounted there that nobody else sees.
//! See <https://docs.kernel.org/admin-guide/mm/transhuge.html>.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::contest::Program;

/// What the kernel allows of huge pages in shared memory.
const SETTING: &str = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";

/// What a run with huge pages sets, one after the other: rows of ordinary pages can be run while nobody
/// gets others, rows of huge pages while those get them who ask by `madvise`.
pub(crate) const SETTINGS: [&str; 2] = ["never", ASKED];

/// Huge pages for those who ask.
pub(crate) const ASKED: &str = "advise";

/// Has the kernel gather free memory into huge pages: after a day of builds it is in pieces, and who asks
/// for one gets ordinary ones. See <https://docs.kernel.org/admin-guide/sysctl/vm.html>.
pub(crate) fn gather() -> Result<()> {
    const REQUEST: &str = "/proc/sys/vm/compact_memory";
    fs::write(REQUEST, "1").context(REQUEST)
}

/// The program with such a `/dev/shm`, which goes when it ends. See unshare(1), tmpfs(5).
pub(crate) fn mounted(program: &Path) -> Program {
    const SCRIPT: &str =
        r#"mount -t tmpfs -o huge=advise,mode=1777 shm /dev/shm && exec "$0" "$@""#;
    let before = ["--mount", "sh", "-c", SCRIPT].map(Path::new);
    Program::new(Path::new("unshare"), &[&before[..], &[program]].concat())
}

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
    /// Remembers what is set now.
    pub(crate) fn keep() -> Result<Self> {
        Self::keep_in(Path::new(SETTING))
    }

    fn keep_in(file: &Path) -> Result<Self> {
        Ok(Self { before: chosen(file)?, file: file.into() })
    }

    /// Sets another.
    pub(crate) fn set(&self, setting: &str) -> Result<()> {
        let needs = "`--huge` needs root, and a kernel with huge pages";
        fs::write(&self.file, setting).with_context(|| format!("{}: {needs}", self.file.display()))
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
        let huge = Huge::keep_in(&file).unwrap();
        huge.set("advise").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "advise");
        drop(huge);
        assert_eq!(fs::read_to_string(&file).unwrap(), "never");
        assert!(Huge::keep_in(&file).is_err(), "no word in brackets");
    }
}
