//! The one error type of the project: opaque, with a kind that carries its figures.

mod figures;
pub(crate) mod kind;

use std::fmt;

pub use kind::ErrorKind;

/// What fallible operations of every shmarray crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed, with the figures that explain it.
///
/// The text says what was wrong and, where there is something to do about it, what. Match on
/// [`Error::kind`] to tell cases apart.
///
/// `Debug` prints the same text, which has the causes too: a `main` that returns this error shows what
/// a user can read. The fields of the case are in the `Debug` of [`ErrorKind`].
#[derive(thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<ErrorKind>);

impl Error {
    /// The case, with its operands.
    pub fn kind(&self) -> &ErrorKind {
        &self.0
    }

    /// A failed system call: its name, what it was done to, and the system's reason.
    #[cold]
    pub fn os(call: &'static str, object: impl Into<String>, error: std::io::Error) -> Self {
        ErrorKind::Os { call, object: object.into(), error }.into()
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<ErrorKind> for Error {
    /// Out of the way of what succeeds.
    #[cold]
    #[inline(never)]
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_the_text_that_teaches() {
        let (expected, found) = (vec![3, 2], vec![2, 2]);
        let error = Error::from(ErrorKind::ShapeMismatch { expected, found });
        let text = "shape mismatch: expected [3, 2], the array has [2, 2]";
        assert_eq!(format!("{error:?}"), text);
        assert_eq!(format!("{:?}", Err::<(), _>(error)), format!("Err({text})"));
        let error = Error::os("mmap", "an array", std::io::Error::from_raw_os_error(12));
        assert_eq!(format!("{error:?}"), error.to_string());
        assert!(std::error::Error::source(&error).is_none(), "the text has the cause already");
        assert!(format!("{error}").contains("os error 12"), "{error}");
    }
}
