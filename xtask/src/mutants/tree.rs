//! A copy of the repository, as it is in the working tree, for mutants to be applied to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::list::Mutant;

/// The copy. A file that did not change keeps its time stamp, so that cargo does not build it anew.
pub(crate) struct Tree {
    root: PathBuf,
}

/// A mutation, until it is [`restored`](Self::restore).
#[must_use]
pub(crate) struct Applied {
    path: PathBuf,
    text: String,
}

impl Tree {
    /// Copies the files that git knows, and those that it would add.
    pub(crate) fn copy(from: &Path, root: &Path) -> Result<Self> {
        let mut git = Command::new("git");
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let output = git.current_dir(from).output().context("cannot run git")?;
        ensure!(output.status.success(), "git ls-files: {}", output.status);
        let names = String::from_utf8(output.stdout).context("a file name that is not UTF-8")?;
        let names: BTreeSet<_> = names
            .split('\0')
            .filter(|name| !name.is_empty() && from.join(name).is_file())
            .map(PathBuf::from)
            .collect();
        for name in &names {
            let (bytes, path) = (fs::read(from.join(name))?, root.join(name));
            if fs::read(&path).ok().as_ref() == Some(&bytes) {
                continue;
            }
            fs::create_dir_all(path.parent().unwrap_or(root))?;
            fs::write(&path, bytes).with_context(|| path.display().to_string())?;
        }
        remove_others(root, root, &names)?;
        Ok(Self { root: root.to_path_buf() })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Applies a mutant to its file.
    pub(crate) fn apply(&self, mutant: &Mutant) -> Result<Applied> {
        let path = self.root.join(&mutant.file);
        let text = fs::read_to_string(&path).with_context(|| mutant.file.clone())?;
        fs::write(&path, mutant.mutate(&text)?)?;
        Ok(Applied { path, text })
    }
}

impl Applied {
    pub(crate) fn restore(self) -> Result<()> {
        fs::write(&self.path, self.text).with_context(|| self.path.display().to_string())
    }
}

/// Removes files that are not among `names`, and folders that become empty.
fn remove_others(root: &Path, folder: &Path, names: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(root, &path, names)?;
            if fs::read_dir(&path)?.next().is_none() {
                fs::remove_dir(&path)?;
            }
        } else if !path.strip_prefix(root).is_ok_and(|name| names.contains(name)) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
