//! The feature sets of `shmarray` that choose backends.

use std::fmt;

/// A backend's feature, and the crate that it adds.
pub(crate) struct Feature {
    pub(crate) name: &'static str,
    pub(crate) krate: &'static str,
}

/// One feature per backend.
pub(crate) const FEATURES: [Feature; 3] = [
    Feature { name: "shm", krate: "shm-posix" },
    Feature { name: "mmap", krate: "shm-anon" },
    Feature { name: "memfd", krate: "shm-memfd" },
];

/// A set of them that is not empty: bit `i` is `FEATURES[i]`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct FeatureSet(u8);

impl FeatureSet {
    /// Every backend.
    pub(crate) const FULL: Self = Self(0b111);

    /// Each alone, each pair, all.
    pub(crate) const ALL: [Self; 7] =
        [Self(0b001), Self(0b010), Self(0b100), Self(0b011), Self(0b101), Self(0b110), Self::FULL];

    /// The features that are in it, or those that are not.
    pub(crate) fn features(self, within: bool) -> impl Iterator<Item = &'static Feature> {
        let is_in = move |bit: usize| (self.0 >> bit) & 1 == 1;
        let numbered = FEATURES.iter().enumerate();
        numbered.filter_map(move |(bit, feature)| (is_in(bit) == within).then_some(feature))
    }

    /// As `--features` takes it.
    pub(crate) fn list(self) -> String {
        let names: Vec<_> = self.features(true).map(|feature| feature.name).collect();
        names.join(",")
    }
}

/// As the matrix writes it: `shm+memfd`.
impl fmt::Display for FeatureSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.list().replace(',', "+"))
    }
}
