//! The expected matrix: `tests/matrix.expected`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

use crate::cells::{BACKENDS, Outcome, STARTS};
use crate::features::FeatureSet;

/// The file, from the root.
pub(crate) const PATH: &str = "tests/matrix.expected";

/// The expected outcome of each cell, as a word.
pub(crate) struct Expected(BTreeMap<(String, String), [String; STARTS.len()]>);

impl Expected {
    /// Reads the table: `features backend` and a word for each start method, `#` for comments.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut rows = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default();
            if line.trim().is_empty() {
                continue;
            }
            let (key, words) = row(line).with_context(|| format!("{PATH}:{number}"))?;
            let twice = rows.insert(key, words).is_some();
            ensure!(!twice, "{PATH}:{number}: this row is there twice");
        }
        Ok(Self(rows))
    }

    /// How the outcome of a cell differs from the expected one, if it does.
    pub(crate) fn difference(
        &self,
        set: FeatureSet,
        backend: &str,
        start: usize,
        outcome: &Outcome,
    ) -> Option<String> {
        let row = self.0.get(&(set.to_string(), backend.to_owned()));
        let expected = row.and_then(|words| words.get(start));
        match expected {
            Some(word) if word == outcome.word() => None,
            Some(word) => Some(format!("expected {word}")),
            None => Some(format!("not listed in {PATH}")),
        }
    }
}

type Row = ((String, String), [String; STARTS.len()]);

fn row(line: &str) -> Result<Row> {
    let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
    let [features, backend, outcomes @ ..] = words.as_slice() else {
        bail!("needs features, a backend, and a word for each start method");
    };
    let known = FeatureSet::ALL.iter().any(|set| set.to_string() == *features);
    ensure!(known, "no feature set {features:?}");
    ensure!(BACKENDS.contains(&backend.as_str()), "no backend {backend:?}");
    let outcomes: [String; STARTS.len()] =
        outcomes.to_vec().try_into().map_err(|got: Vec<_>| {
            anyhow::anyhow!(
                "needs {} words, one for each of {STARTS:?}, has {}",
                STARTS.len(),
                got.len()
            )
        })?;
    for word in &outcomes {
        let known = ["pass", "refused", "skip"].contains(&word.as_str());
        ensure!(known, "{word:?} is none of pass, refused, skip");
    }
    Ok(((features.clone(), backend.clone()), outcomes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Outcome {
        Outcome::Refused("why".into())
    }

    #[test]
    fn a_cell_that_differs_is_told() {
        let expected =
            Expected::parse("# head\nmemfd mmap refused pass skip pass # why\n").unwrap();
        let memfd = FeatureSet::ALL[2];
        assert_eq!(expected.difference(memfd, "mmap", 0, &refused()), None);
        let other = expected.difference(memfd, "mmap", 1, &refused());
        assert_eq!(other.unwrap(), "expected pass");
        let skipped = Outcome::Skip("no /proc".into());
        assert_eq!(expected.difference(memfd, "mmap", 2, &skipped), None);
        assert!(expected.difference(memfd, "mmap", 3, &skipped).is_some());
        let failed = Outcome::Fail("why".into());
        assert!(expected.difference(memfd, "mmap", 0, &failed).is_some());
        let unlisted = expected.difference(FeatureSet::FULL, "shm", 0, &Outcome::Pass);
        assert!(unlisted.unwrap().contains("not listed"));
    }

    #[test]
    fn a_line_that_says_nothing_is_an_error() {
        for bad in [
            "memfd",
            "memfd shm pass pass pass",
            "memfd shm pass pass pass pass pass",
            "memfd shm pass pass pass FAIL",
            "nothing shm pass pass pass pass",
            "memfd posix pass pass pass pass",
            "memfd shm pass pass pass pass\nmemfd shm pass pass pass pass",
        ] {
            let error = Expected::parse(bad).err().unwrap();
            assert!(error.to_string().contains("tests/matrix.expected:"), "{bad}");
        }
    }
}
