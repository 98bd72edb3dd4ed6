//! The mutants, as `xtask/mutants/*.toml` tell them.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// Where they are, from the root.
pub(crate) const FOLDER: &str = "xtask/mutants";

/// A change of the code that breaks a promise.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mutant {
    pub(crate) name: String,
    /// The promise that it breaks, in the words of the documents.
    pub(crate) promise: String,
    /// The file that it changes, from the root.
    pub(crate) file: String,
    /// The text that it removes, which stands in the file exactly once.
    pub(crate) find: String,
    /// The text that it puts in its place.
    pub(crate) replace: String,
    /// The tests that must fail then.
    pub(crate) test: TestRun,
}

/// Some tests of one test program.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TestRun {
    pub(crate) package: String,
    /// Its test target, or `lib` for the unit tests, `models` for those that the model checker runs.
    pub(crate) target: String,
    /// The tests whose names contain this.
    pub(crate) filter: String,
}

impl fmt::Display for TestRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.package, self.target, self.filter)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    mutant: Vec<Mutant>,
}

impl Mutant {
    /// The file's text with the mutation.
    ///
    /// # Errors
    /// If the text to remove does not stand there exactly once.
    pub(crate) fn mutate(&self, text: &str) -> Result<String> {
        let times = text.matches(&self.find).count();
        ensure!(times == 1, "{}: `find` is {times} times in {}, not once", self.name, self.file);
        ensure!(self.find != self.replace, "{}: it changes nothing", self.name);
        Ok(text.replacen(&self.find, &self.replace, 1))
    }
}

/// All of them, by file and place in it.
pub(crate) fn read(root: &Path) -> Result<Vec<Mutant>> {
    let mut paths: Vec<_> = std::fs::read_dir(root.join(FOLDER))
        .context(FOLDER)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    let mut mutants = Vec::new();
    for path in paths {
        let read = || -> Result<Document> { Ok(toml::from_str(&std::fs::read_to_string(&path)?)?) };
        mutants.extend(read().with_context(|| path.display().to_string())?.mutant);
    }
    Ok(mutants)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn root() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    /// A commit that changes code also changes the mutants of that code.
    #[test]
    fn every_mutant_still_applies() {
        for mutant in read(root()).unwrap() {
            let text = std::fs::read_to_string(root().join(&mutant.file));
            let text = text.unwrap_or_else(|error| panic!("{}: {error}", mutant.file));
            mutant.mutate(&text).unwrap();
        }
    }

    #[test]
    fn names_are_unique_and_test_targets_are_there() {
        let mut names = BTreeSet::new();
        for Mutant { name, test, .. } in read(root()).unwrap() {
            assert!(names.insert(name.clone()), "two mutants are called {name}");
            let folder = root().join("crates").join(&test.package);
            let file = match test.target.as_str() {
                _ if test.package == "shmarray-workspace" => {
                    root().join("tests").join(&test.target).join("main.rs")
                }
                "lib" => folder.join("src/lib.rs"),
                "models" => folder.join("src/models.rs"),
                target if folder.join("tests").join(target).is_dir() => {
                    folder.join("tests").join(target).join("main.rs")
                }
                target => folder.join("tests").join(target).with_extension("rs"),
            };
            assert!(file.is_file(), "{name}: there is no {}", file.display());
        }
    }

    #[test]
    fn every_mutant_is_in_the_docs() {
        let text = std::fs::read_to_string(root().join("docs/mutants.md")).unwrap();
        let mutants = read(root()).unwrap();
        for Mutant { name, promise, test, .. } in &mutants {
            let row = format!("| {promise} | `{name}` | `{}` |", test.to_string().trim());
            assert!(text.lines().any(|line| line == row), "docs/mutants.md needs this row:\n{row}");
        }
        let rows = text.lines().filter(|line| line.ends_with("` |")).count();
        assert_eq!(rows, mutants.len(), "docs/mutants.md has a row that is no mutant any more");
    }

    #[test]
    fn what_is_not_there_exactly_once_is_refused() {
        let test = TestRun { package: "p".into(), target: "lib".into(), filter: String::new() };
        let [name, promise, file] = ["m", "it holds", "f.rs"].map(String::from);
        let (find, replace) = ("a".into(), "b".into());
        let mutant = Mutant { name, promise, file, find, replace, test };
        assert_eq!(mutant.mutate("xay").unwrap(), "xby");
        for text in ["", "xy", "aa"] {
            let error = mutant.mutate(text).unwrap_err().to_string();
            assert!(error.contains("times in f.rs, not once"), "{error}");
        }
    }
}
