//! What the user has set: the environment's variables, and the process-wide choice.
//!
//! The variables come from outside and may hold anything. A value that this crate does not understand
//! is an error; it ignores none.

use std::ffi::{OsStr, OsString};
use std::fmt;

use shm_core::{BackendKind, Error, ErrorKind, Result};

/// The variable that names the backend: `shm`, `mmap`, `memfd` or `auto`.
pub const BACKEND_VARIABLE: &str = "SHMARRAY_BACKEND";

/// The variable that says how many bytes must be exceeded by the free space behind `shm`.
pub const MIN_FREE_VARIABLE: &str = "SHMARRAY_SHM_MIN_FREE";

/// The value of [`MIN_FREE_VARIABLE`] if it is not set, in bytes: 64 MiB.
pub const DEFAULT_SHM_MIN_FREE: u64 = 64 << 20;

/// What the value of [`BACKEND_VARIABLE`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preference {
    /// `auto`: the automatic order, whatever the process has set.
    Automatic,
    /// This backend.
    Backend(BackendKind),
}

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SelectedBy {
    /// The variable `SHMARRAY_BACKEND`.
    Environment,
    /// The process, for all its arrays.
    Set,
    /// The array names its backend.
    Named,
    /// The automatic order.
    Automatic,
}

impl fmt::Display for SelectedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => write!(f, "as {BACKEND_VARIABLE} asks"),
            Self::Set => f.write_str("as set for this process"),
            Self::Named => f.write_str("as asked for this array"),
            Self::Automatic => f.write_str("chosen automatically"),
        }
    }
}

/// What binds a choice, besides the machine and the array's needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What the environment asks for, if anything.
    pub environment: Option<Preference>,
    /// What the process has set, if anything.
    pub set: Option<BackendKind>,
    /// `shm` is chosen automatically only with strictly more bytes free than this.
    pub shm_min_free: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { environment: None, set: None, shm_min_free: DEFAULT_SHM_MIN_FREE }
    }
}

impl Settings {
    /// The backend that the environment or the process asks for, and which of the two asks; the
    /// environment goes first.
    pub fn explicit(&self) -> Option<(BackendKind, SelectedBy)> {
        match self.environment {
            Some(Preference::Backend(backend)) => Some((backend, SelectedBy::Environment)),
            Some(Preference::Automatic) => None,
            None => self.set.map(|backend| (backend, SelectedBy::Set)),
        }
    }
}

/// The raw values of the variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// The value of [`BACKEND_VARIABLE`].
    pub backend: Option<OsString>,
    /// The value of [`MIN_FREE_VARIABLE`].
    pub shm_min_free: Option<OsString>,
}

impl Environment {
    /// Reads the variables of this process.
    pub fn read() -> Self {
        Self {
            backend: std::env::var_os(BACKEND_VARIABLE),
            shm_min_free: std::env::var_os(MIN_FREE_VARIABLE),
        }
    }

    /// Parses the variables. A blank value counts as unset; case and surrounding blanks do not matter.
    ///
    /// # Errors
    /// [`ErrorKind::UnknownBackend`] and [`ErrorKind::InvalidSetting`] for any other value, Unicode or
    /// not.
    pub fn settings(&self, set: Option<BackendKind>) -> Result<Settings> {
        Ok(Settings {
            environment: preference(self.backend.as_deref())?,
            set,
            shm_min_free: shm_min_free(self.shm_min_free.as_deref())?,
        })
    }
}

/// The text of a variable; `None` if it is blank. Bytes that are not Unicode become U+FFFD, which no
/// valid value contains.
fn text(value: Option<&OsStr>) -> Option<String> {
    value.map(|value| value.to_string_lossy().trim().to_owned()).filter(|value| !value.is_empty())
}

fn preference(value: Option<&OsStr>) -> Result<Option<Preference>> {
    let Some(value) = text(value) else {
        return Ok(None);
    };
    if value.eq_ignore_ascii_case("auto") {
        return Ok(Some(Preference::Automatic));
    }
    match value.parse() {
        Ok(backend) => Ok(Some(Preference::Backend(backend))),
        Err(error) => Err(found_in_environment(error)),
    }
}

fn found_in_environment(error: Error) -> Error {
    match error.kind() {
        ErrorKind::UnknownBackend { value, valid, .. } => {
            ErrorKind::UnknownBackend { value: value.clone(), origin: BACKEND_VARIABLE, valid }
                .into()
        }
        _ => error,
    }
}

fn shm_min_free(value: Option<&OsStr>) -> Result<u64> {
    let Some(value) = text(value) else {
        return Ok(DEFAULT_SHM_MIN_FREE);
    };
    value.parse().map_err(|_| {
        ErrorKind::InvalidSetting {
            variable: MIN_FREE_VARIABLE,
            value: value.chars().take(64).collect(),
            reason: "it has to be a whole number of bytes, from 0 to 18446744073709551615",
        }
        .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(backend: &str, shm_min_free: &str) -> Environment {
        Environment { backend: Some(backend.into()), shm_min_free: Some(shm_min_free.into()) }
    }

    #[test]
    fn blank_is_unset() {
        let unset = Environment::default().settings(None).unwrap();
        assert_eq!(unset, Settings::default());
        for blank in ["", " ", "\t \n"] {
            assert_eq!(environment(blank, blank).settings(None).unwrap(), unset);
        }
    }

    #[test]
    fn case_and_surrounding_blanks_are_ignored() {
        for (value, expected) in [
            ("shm", Preference::Backend(BackendKind::Shm)),
            ("\tMmap ", Preference::Backend(BackendKind::Mmap)),
            (" MEMFD\n", Preference::Backend(BackendKind::Memfd)),
            (" Auto ", Preference::Automatic),
        ] {
            let settings = environment(value, " 12 ").settings(None).unwrap();
            assert_eq!(settings.environment, Some(expected));
            assert_eq!(settings.shm_min_free, 12);
        }
    }

    #[test]
    fn the_environment_goes_before_the_process() {
        let set = Some(BackendKind::Shm);
        let explicit = |value| environment(value, "").settings(set).unwrap().explicit();
        assert_eq!(explicit("memfd"), Some((BackendKind::Memfd, SelectedBy::Environment)));
        assert_eq!(explicit("auto"), None);
        assert_eq!(explicit(""), Some((BackendKind::Shm, SelectedBy::Set)));
    }

    #[test]
    fn an_unknown_backend_lists_the_valid_ones() {
        let error = environment("sysv", "").settings(None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown backend \"sysv\" in SHMARRAY_BACKEND; valid are shm, mmap, memfd, auto"
        );
        let long = environment(&"x".repeat(100_000), "").settings(None);
        assert!(long.unwrap_err().to_string().len() < 200);
    }

    #[test]
    fn a_number_that_is_none_is_an_error() {
        for value in ["64M", "-1", "1.5", "18446744073709551616", "0x10", "1 2"] {
            let error = environment("", value).settings(None).unwrap_err();
            let ErrorKind::InvalidSetting { variable, value: v, .. } = error.kind() else {
                panic!("{error}");
            };
            assert_eq!((*variable, v.as_str()), (MIN_FREE_VARIABLE, value));
        }
        let most = environment("", "18446744073709551615").settings(None).unwrap();
        assert_eq!(most.shm_min_free, u64::MAX);
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_not_unicode_are_an_error() {
        use std::os::unix::ffi::OsStringExt;

        let bytes = |text: &[u8]| Some(OsString::from_vec(text.to_vec()));
        let backend = Environment { backend: bytes(b"shm\xff"), shm_min_free: None };
        let number = Environment { backend: None, shm_min_free: bytes(b"\xff12") };
        assert!(matches!(
            backend.settings(None).unwrap_err().kind(),
            ErrorKind::UnknownBackend { .. }
        ));
        assert!(matches!(
            number.settings(None).unwrap_err().kind(),
            ErrorKind::InvalidSetting { .. }
        ));
    }
}
