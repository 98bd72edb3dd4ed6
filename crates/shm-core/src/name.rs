//! Names of arrays.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::kind::ErrorKind;
use crate::error::{Error, Result};
use crate::text::parsed;

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
#[derive(Clone)]
pub struct Name(Text);

/// Most names need no memory of their own; clones of the others share it.
#[derive(Clone)]
enum Text {
    /// So many bytes of UTF-8.
    Short(u8, [u8; Text::SHORT]),
    Long(Arc<str>),
}

impl Text {
    const SHORT: usize = 54;
    /// What is behind the end of a short one.
    const FILLER: u8 = b'_';

    fn new(text: &str) -> Self {
        match Self::short(text.as_bytes()) {
            Some((len, short)) => Self::Short(len, short),
            None => Self::Long(text.into()),
        }
    }

    fn short(text: &[u8]) -> Option<(u8, [u8; Self::SHORT])> {
        let mut short = [Self::FILLER; Self::SHORT];
        short.get_mut(..text.len())?.copy_from_slice(text);
        Some((u8::try_from(text.len()).ok()?, short))
    }
}

impl Name {
    /// How the names of temporary entries begin, which a named backend makes for segments that are not
    /// published yet. No array can have such a name.
    pub const TEMPORARY_PREFIX: &'static str = ".shmarray-tmp-";

    /// Checks that an entry can be one of ours: the name of an array, or of a temporary entry, whose rest
    /// follows the same rules.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidName`].
    pub fn check_entry(entry: &str) -> Result<()> {
        Self::new(entry.strip_prefix(Self::TEMPORARY_PREFIX).unwrap_or(entry)).map(drop)
    }

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
        if let Some(name) = Self::plain(name.as_bytes()) {
            return Ok(name);
        }
        let reason = if name.is_empty() {
            "it is empty"
        } else if name.len() > Self::MAX_LEN {
            "it has more than 240 bytes"
        } else if name.contains('/') {
            "it contains '/'"
        } else if name.contains(char::is_control) {
            "it contains a control character or NUL"
        } else if name == "." || name == ".." {
            "it means a directory"
        } else if name.starts_with(Self::RESERVED_PREFIX) {
            "the prefix \".shmarray-\" is reserved"
        } else {
            return Ok(Self(Text::new(name)));
        };
        Err(ErrorKind::InvalidName { name: name.chars().take(64).collect(), reason }.into())
    }

    /// The name, if it is short, printable ASCII and good, as most are: all its bytes are looked at
    /// alike, which the processor does at once. For any other, [`new`](Self::new) decides.
    pub(crate) fn plain(name: &[u8]) -> Option<Self> {
        let (len, short) = Text::short(name)?; // the filler is as good as any
        let printable = short
            .iter()
            .fold(true, |all, byte| all & (b' '..=b'~').contains(byte) & (*byte != b'/'));
        let begins_well = name.first().is_some_and(|first| *first != b'.');
        (printable && begins_well).then_some(Self(Text::Short(len, short)))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default() // it was made of text
    }

    /// The name's bytes, in UTF-8.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Text::Short(len, bytes) => &bytes[..usize::from(*len)],
            Text::Long(text) => text.as_bytes(),
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Name").field(&self.as_str()).finish()
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
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
        name.as_str().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules() {
        for good in
            ["a", "..a", "æøå", ".hidden", &"æ".repeat(27), &"x".repeat(55), &"x".repeat(240)]
        {
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

    #[test]
    fn ordered_as_their_text() {
        let (long, longer) = ("a".repeat(54), "a".repeat(55));
        let texts = ["B", "a", "aa", &long, &longer, "ab", "b", &"b".repeat(60), "c"];
        let names = texts.map(|text| Name::new(text).unwrap());
        assert!(names.is_sorted_by(|one, next| one < next), "{names:?}");
    }
}
