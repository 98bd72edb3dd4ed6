//! Where a segment was found.

use std::ffi::OsStr;
use std::fmt;
use std::str::FromStr;

use shm_core::{Error, ErrorKind, Name, Result};

use crate::text::printable_bytes;

/// Where a segment was found, as the command writes it and takes it back
/// ([`FromStr`], [`find`](crate::find)).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Locator {
    /// An entry of `/dev/shm`; written as the entry. In an [`Unreadable`](crate::Unreadable),
    /// characters and bytes that no name can have are written as escapes: `\u{1b}`, `\xff`.
    Entry(String),
    /// A file that a process has open and that has no name here: a memfd, or a segment of `/dev/shm`
    /// whose name is removed, not given yet, or in another mount namespace; written `PID:FD`.
    Descriptor {
        /// The process, in this PID namespace.
        pid: u32,
        /// Its file descriptor.
        fd: u32,
    },
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(entry) => f.write_str(entry),
            Self::Descriptor { pid, fd } => write!(f, "{pid}:{fd}"),
        }
    }
}

/// `PID:FD`, or an entry of `/dev/shm`: the name of an array or of a temporary entry.
impl FromStr for Locator {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |text: &str| -> Option<u32> {
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| is_number)
        };
        if let Some((pid, fd)) = text.split_once(':')
            && let (Some(pid), Some(fd)) = (number(pid), number(fd))
        {
            return Ok(Self::Descriptor { pid, fd });
        }
        Self::entry(text)
    }
}

impl Locator {
    /// The entry of that name, if an array or a temporary entry can have it.
    pub(crate) fn entry(text: &str) -> Result<Self> {
        Name::check_entry(text)?;
        Ok(Self::Entry(text.into()))
    }

    /// The locator of an entry that the directory lists, and an error if no array can have that name.
    pub(crate) fn listed(entry: &OsStr) -> (Self, Result<()>) {
        let shown = || Self::Entry(printable_bytes(entry.as_encoded_bytes()));
        match entry.to_str().map(Self::entry) {
            Some(Ok(locator)) => (locator, Ok(())),
            Some(Err(error)) => (shown(), Err(error)),
            None => {
                let name = printable_bytes(entry.as_encoded_bytes()).chars().take(64).collect();
                let reason = "it is not UTF-8";
                (shown(), Err(ErrorKind::InvalidName { name, reason }.into()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locator_is_parsed_as_it_was_written() {
        for text in ["12:34", "elevation", ".shmarray-tmp-0123", "12:x", ":3", "+1:2", "a:1"] {
            assert_eq!(text.parse::<Locator>().unwrap().to_string(), text);
        }
        assert_eq!("12:34".parse::<Locator>().unwrap(), Locator::Descriptor { pid: 12, fd: 34 });
        assert!(matches!("99999999999:1".parse(), Ok(Locator::Entry(_))));
    }

    #[test]
    fn names_that_no_array_can_have_are_refused() {
        let traversals = ["../etc/passwd", "/dev/shm/a", ".", "..", "", "a/b"];
        let temporary =
            [".shmarray-tmp-", ".shmarray-tmp-../a", ".shmarray-tmp-a\n", ".shmarray-x"];
        for text in traversals.into_iter().chain(temporary).chain(["\u{1b}[2J", "a\0"]) {
            let error = text.parse::<Locator>().unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::InvalidName { .. }), "{error}");
            assert!(!error.to_string().contains(char::is_control), "{error:?}");
        }
    }
}
