//! The one error type of the project: opaque, with a kind that carries its figures.

mod figures;
pub(crate) mod kind;

pub use kind::ErrorKind;

/// What fallible operations of every shmarray crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed, with the figures that explain it.
///
/// The text says what was wrong and, where there is something to do about it, what. Match on
/// [`Error::kind`] to tell cases apart.
#[derive(Debug, thiserror::Error)]
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

impl From<ErrorKind> for Error {
    /// Out of the way of what succeeds.
    #[cold]
    #[inline(never)]
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(kind))
    }
}
