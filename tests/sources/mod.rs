//! The files of the repository, as the tests of the house rules read them.

pub(crate) mod rust;

use std::path::{Path, PathBuf};

use toml::Table;

/// A file of the repository, by its path from the root.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it is part of a crate that users build, not of tests or benchmarks.
    pub(crate) fn is_of_a_crate(&self) -> bool {
        let is_suite = self.path.starts_with("crates/shm-conformance/");
        let is_source = self.path.starts_with("crates/") && self.path.contains("/src/");
        self.is_rust() && is_source && !is_suite
    }

    /// The crate or folder that the file belongs to: `crates/shm-core`, `xtask`, or its own name at
    /// the root.
    pub(crate) fn home(&self) -> &str {
        let parts = if self.path.starts_with("crates/") { 2 } else { 1 };
        let end = self.path.match_indices('/').nth(parts - 1).map_or(self.path.len(), |(at, _)| at);
        &self.path[..end]
    }

    pub(crate) fn table(&self) -> Table {
        let table = self.text.parse();
        table.unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }
}

/// Every text file of the repository but what cargo, git and fuzzing made.
pub(crate) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.to_path_buf()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let path: PathBuf = entry.path();
            let name = entry.file_name();
            // `.git` is a file in a worktree.
            if ["target", ".git", "corpus", "artifacts"].iter().any(|made| name == *made) {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                sources.push(Source { path, text });
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// Something in a file that breaks a rule, in words that say what to do.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Fault {
    /// [`Source::home`] of the file.
    pub(crate) home: String,
    pub(crate) text: String,
}

/// Fails with every fault whose home is not in `known`, and with every home in `known` that has no
/// fault any more: the list of known faults only shrinks.
pub(crate) fn judge(faults: &[Fault], known: &[&str]) {
    let new = faults.iter().filter(|fault| !known.contains(&&*fault.home));
    let mut report: Vec<_> = new.map(|fault| fault.text.clone()).collect();
    let mended = known.iter().filter(|home| !faults.iter().any(|fault| fault.home == **home));
    report
        .extend(mended.map(|home| format!("{home}: mended: take it out of the list in this test")));
    assert!(report.is_empty(), "\n{}\n", report.join("\n"));
}
