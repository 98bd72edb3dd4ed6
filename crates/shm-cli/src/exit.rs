//! How the command ends, as a number for scripts.

use std::fmt;
use std::process::ExitCode;

use shmarray::{Error, ErrorKind};

/// For `--help`: every number there is.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  it failed, for another reason than these
  2  the command line is not understood: its options and arguments
     (a slice or a name is 1)
  3  there is no such array
  4  there is something in the way already";

/// The command failed.
pub(crate) const FAILED: u8 = 1;
/// The command line is not understood.
pub(crate) const MISUNDERSTOOD: u8 = 2;
/// There is no such array.
pub(crate) const NOT_FOUND: u8 = 3;
/// Something is in the way already.
pub(crate) const IN_THE_WAY: u8 = 4;

/// An error of this command's own that has a number.
#[derive(Debug)]
struct Refused {
    number: u8,
    text: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Refused {}

/// An error with that number.
pub(crate) fn refused(number: u8, text: impl Into<String>) -> anyhow::Error {
    Refused { number, text: text.into() }.into()
}

/// The number for an error: that of the first one in its chain that has one.
pub(crate) fn number(error: &anyhow::Error) -> u8 {
    if let Some(refused) = error.downcast_ref::<Refused>() {
        return refused.number;
    }
    match error.chain().find_map(|cause| cause.downcast_ref::<Error>()).map(Error::kind) {
        Some(ErrorKind::NotFound { .. }) => NOT_FOUND,
        Some(ErrorKind::AlreadyExists { .. }) => IN_THE_WAY,
        _ => FAILED,
    }
}

/// The code for an error.
pub(crate) fn code(error: &anyhow::Error) -> ExitCode {
    number(error).into()
}

/// The code for several things of which some failed with these numbers: the number that they have
/// in common, or that of a failure.
pub(crate) fn of_all(failures: &[u8]) -> ExitCode {
    let first = failures.first().copied().unwrap_or(0);
    let is_common = failures.iter().all(|number| *number == first);
    if is_common { first } else { FAILED }.into()
}

#[cfg(test)]
mod tests {
    use std::process::ExitCode;

    use anyhow::Context;
    use shmarray::{BackendKind, ErrorKind};

    use super::{FAILED, IN_THE_WAY, NOT_FOUND, number, of_all, refused};

    #[test]
    fn errors_have_their_numbers_whatever_is_around_them() {
        let missing = || -> shmarray::Result<()> {
            let (name, backend) = ("x".to_owned(), BackendKind::Shm);
            Err(ErrorKind::NotFound { name, backend, hint: "" }.into())
        };
        assert_eq!(number(&missing().unwrap_err().into()), NOT_FOUND);
        assert_eq!(number(&missing().context("a").context("b").unwrap_err()), NOT_FOUND);
        let (name, backend) = ("x".to_owned(), BackendKind::Shm);
        let taken = shmarray::Error::from(ErrorKind::AlreadyExists { name, backend });
        assert_eq!(number(&taken.into()), IN_THE_WAY);
        assert_eq!(number(&refused(NOT_FOUND, "so").context("a").context("b")), NOT_FOUND);
        assert_eq!(number(&anyhow::anyhow!("else")), FAILED);
    }

    #[test]
    fn several_failures_have_one_number() {
        let is = |failures: &[u8], number: u8| {
            assert_eq!(format!("{:?}", of_all(failures)), format!("{:?}", ExitCode::from(number)));
        };
        is(&[], 0);
        is(&[NOT_FOUND, NOT_FOUND], NOT_FOUND);
        is(&[NOT_FOUND, FAILED], FAILED);
    }
}
