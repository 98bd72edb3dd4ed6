//! Reads a backend's name, as users write it.

use std::str::FromStr;

use crate::backend_kind::BackendKind;
use crate::error::Error;
use crate::error::kind::ErrorKind;

impl FromStr for BackendKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wanted = text.trim();
        Self::ALL.into_iter().find(|kind| kind.as_str().eq_ignore_ascii_case(wanted)).ok_or_else(
            || {
                ErrorKind::UnknownBackend {
                    value: wanted.chars().take(64).collect(),
                    origin: "",
                    valid: "shm, mmap, memfd, auto",
                }
                .into()
            },
        )
    }
}
