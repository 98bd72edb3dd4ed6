//! Where a segment was seen.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::str::FromStr;

use shm_core::{Error, ErrorKind, Name, Result};

use crate::text::printable_bytes;

/// What temporary entries of backend `shm` begin with: arrays that were being made.
pub(crate) const TEMPORARY: &str = ".shmarray-tmp-";

/// Where a segment was seen, as the command writes it and takes it back
/// ([`FromStr`], [`find`](crate::find)).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Locator {
    /// An entry of `/dev/shm`; written as the entry. In an [`Unreadable`](crate::Unreadable), what
    /// no name can have is written out: `\u{1b}`, `\xff`.
    Entry(String),
    /// A file without a name here that a process has open: a memfd, or a segment of `/dev/shm`
    /// whose name is gone, not given yet, or in another mount namespace; written `PID:FD`.
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
        // What follows the prefix obeys the rules of names, too.
        Name::new(text.strip_prefix(TEMPORARY).unwrap_or(text))?;
        Ok(Self::Entry(text.into()))
    }

    /// An entry that a listing of the directory gave; an error beside it if no array can have it.
    pub(crate) fn listed(entry: &OsStr) -> (Self, Result<()>) {
        let shown = || Self::Entry(printable_bytes(entry.as_bytes()));
        match entry.to_str().map(Self::entry) {
            Some(Ok(place)) => (place, Ok(())),
            Some(Err(error)) => (shown(), Err(error)),
            None => {
                let name = printable_bytes(entry.as_bytes()).chars().take(64).collect();
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
    fn a_place_is_taken_back_as_it_was_written() {
        for text in ["12:34", "elevation", ".shmarray-tmp-0123", "12:x", ":3", "+1:2", "a:1"] {
            assert_eq!(text.parse::<Locator>().unwrap().to_string(), text);
        }
        assert_eq!("12:34".parse::<Locator>().unwrap(), Locator::Descriptor { pid: 12, fd: 34 });
        assert!(matches!("99999999999:1".parse(), Ok(Locator::Entry(_))));
    }

    #[test]
    fn what_no_array_can_be_called_is_refused() {
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
