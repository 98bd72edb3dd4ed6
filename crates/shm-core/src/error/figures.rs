//! Figures in the text of an error that are not always there.

use std::fmt;

/// Bytes that are free, where the system tells.
pub(super) struct Free(pub(super) Option<u64>);

impl fmt::Display for Free {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(bytes) => write!(f, "{bytes} free"),
            None => f.write_str("less"),
        }
    }
}

/// The value of a limit, where the system tells.
pub(super) struct Value(pub(super) Option<u64>);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |value| write!(f, " is {value}"))
    }
}

/// Whether an array is guarded, and what to do with it then.
pub(super) struct Guarding(pub(super) bool);

impl fmt::Display for Guarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 {
            "guarded: attach it as a GuardedArray, whose elements are reached through read(), \
             write() and chunks(), or as a FrozenArray once it is frozen"
        } else {
            "not guarded: attach it as a SharedArray, or make it with GuardedArray::builder"
        })
    }
}

/// Where a word came from, if anywhere.
pub(super) struct GivenIn<'a>(pub(super) &'a str);

impl fmt::Display for GivenIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " in {}", self.0) }
    }
}
