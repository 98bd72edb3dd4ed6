//! Names of arrays.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text::parsed;
use crate::{Error, ErrorKind, Result};

/// The name of an array: 1 to 240 bytes of UTF-8 that can be a file name.
///
/// No `/`, no control character (NUL included), not `.` or `..`, and not beginning with
/// `.shmarray-`, which is kept for temporary entries. Where the OS allows fewer bytes (macOS: 30),
/// the OS object bears a hash of it.
///
/// ```
/// use shm_core::Name;
/// assert!(Name::new("elevation").is_ok());
/// assert!(Name::new("../etc/passwd").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>); // clones go from the builder to the header to the registries

impl Name {
    /// The most bytes a name can have.
    pub const MAX_LEN: usize = 240;

    /// The beginning of names that only the backends themselves give.
    pub const RESERVED_PREFIX: &'static str = ".shmarray-";

    /// Checks a name.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidName`] with the rule that it breaks.
    pub fn new(name: impl AsRef<str>) -> Result<Self> {
        let name = name.as_ref();
        let plain = is_plain(name);
        let reason = if name.is_empty() {
            "it is empty"
        } else if name.len() > Self::MAX_LEN {
            "it has more than 240 bytes"
        } else if !plain && name.contains('/') {
            "it contains '/'"
        } else if !plain && name.contains(char::is_control) {
            "it contains a control character or NUL"
        } else if name == "." || name == ".." {
            "it means a directory"
        } else if name.starts_with(Self::RESERVED_PREFIX) {
            "the prefix \".shmarray-\" is reserved"
        } else {
            return Ok(Self(name.into()));
        };
        Err(ErrorKind::InvalidName { name: name.chars().take(64).collect(), reason }.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether it consists of printable ASCII without `/`: of most names, bytes tell it, all at once.
fn is_plain(name: &str) -> bool {
    name.bytes().fold(true, |plain, byte| plain & (b' '..=b'~').contains(&byte) & (byte != b'/'))
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        parsed(deserializer)
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

impl TryFrom<String> for Name {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::new(text)
    }
}

impl TryFrom<&str> for Name {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules() {
        for good in ["a", "..a", "æøå", ".hidden", &"x".repeat(240)] {
            assert_eq!(Name::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "a\0b",
            "a\nb",
            "a\u{7f}",
            "æ\u{85}",
            ".shmarray-tmp-1",
            &"x".repeat(241),
        ] {
            assert!(matches!(Name::new(bad).unwrap_err().kind(), ErrorKind::InvalidName { .. }));
        }
    }
}
