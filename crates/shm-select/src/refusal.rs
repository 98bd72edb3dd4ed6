//! Which errors of making an array are the system's refusal, and how far a refusal reaches.

use std::io;

use shm_core::{Error, ErrorKind};
use shm_map::is_memory_short;

/// The arrays that a refusal counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reach {
    /// For the array that was to be made: a size, free space or a limit may explain the refusal, so
    /// the next array may succeed.
    Array,
    /// For every array that this process lets the library choose a backend for: no size and no free
    /// space explains the refusal.
    Process,
}

impl Reach {
    /// How far an error of making an array reaches. `None` if it is not the system that refuses, but
    /// the array's name, shape, dtype or contents, or another process; or if no other backend could do
    /// better, as there is too little memory.
    pub fn of(error: &Error) -> Option<Self> {
        match error.kind() {
            // Every backend takes its memory from the same machine and cgroup.
            ErrorKind::NoSpace { .. } if is_memory_short(error) => None,
            ErrorKind::NoSpace { .. } | ErrorKind::LimitReached { .. } => Some(Self::Array),
            // The entry of this name only: another name may be free to use.
            ErrorKind::AccessDenied { .. } => Some(Self::Array),
            ErrorKind::BackendRefused { .. } => Some(Self::Process),
            ErrorKind::Os { error, .. } if is_lasting(error.kind()) => Some(Self::Process),
            ErrorKind::Os { .. } => Some(Self::Array),
            _ => None,
        }
    }
}

/// Whether the system says by this that it does not do such a thing here, whatever the size.
fn is_lasting(refusal: io::ErrorKind) -> bool {
    use io::ErrorKind::{
        CrossesDevices, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem, Unsupported,
    };
    matches!(
        refusal,
        CrossesDevices
            | NotADirectory
            | NotFound
            | PermissionDenied
            | ReadOnlyFilesystem
            | Unsupported
    )
}

#[cfg(test)]
mod tests {
    use shm_core::{Access, BackendKind};

    use super::*;

    fn os(kind: io::ErrorKind) -> ErrorKind {
        ErrorKind::Os { call: "linkat", object: "/dev/shm/a".into(), error: kind.into() }
    }

    #[test]
    fn size_space_and_limits_reach_one_array() {
        let (limit, hint) = ("RLIMIT_FSIZE", "raise it");
        let kinds = [
            ErrorKind::NoSpace { needs: 2, has: Some(1), place: "/dev/shm".into() },
            ErrorKind::LimitReached { limit, value: Some(1), hint },
            ErrorKind::AccessDenied { object: "/dev/shm/a".into(), access: Access::ReadWrite },
            os(io::ErrorKind::StorageFull),
            os(io::ErrorKind::QuotaExceeded),
            os(io::ErrorKind::OutOfMemory),
            os(io::ErrorKind::FileTooLarge),
            os(io::ErrorKind::InvalidInput),
            os(io::ErrorKind::Other),
        ];
        for kind in kinds {
            let error = kind.into();
            assert_eq!(Reach::of(&error), Some(Reach::Array), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn refusals_that_no_size_explains_reach_the_process() {
        let refused =
            ErrorKind::BackendRefused { backend: BackendKind::Shm, reason: "Landlock".into() };
        assert_eq!(Reach::of(&refused.into()), Some(Reach::Process));
        for errno in [libc::EACCES, libc::EPERM, libc::EROFS, libc::ENOSYS, libc::EOPNOTSUPP]
            .into_iter()
            .chain([libc::EXDEV, libc::ENOENT, libc::ENOTDIR])
        {
            let error = Error::os("open", "/dev/shm", io::Error::from_raw_os_error(errno));
            assert_eq!(Reach::of(&error), Some(Reach::Process), "{error}");
        }
        for errno in [libc::ENOSPC, libc::EDQUOT, libc::ENOMEM, libc::EFBIG, libc::EFAULT] {
            let error = Error::os("fallocate", "/dev/shm", io::Error::from_raw_os_error(errno));
            assert_eq!(Reach::of(&error), Some(Reach::Array), "{error}");
        }
    }

    #[test]
    fn errors_of_what_was_asked_for_are_no_refusal() {
        let (name, backend) = ("a".to_owned(), BackendKind::Shm);
        let kinds = [
            ErrorKind::AlreadyExists { name: name.clone(), backend },
            ErrorKind::InvalidName { name: name.clone(), reason: "it is empty" },
            ErrorKind::ShapeOverflow { shape: vec![usize::MAX, 2], itemsize: 8 },
            ErrorKind::InvalidDType { descr: "x".into(), reason: "unknown".into() },
            ErrorKind::NotASegment { object: "/dev/shm/a".into(), reason: "a FIFO".into() },
            ErrorKind::WrongOwner { object: "/dev/shm/a".into(), owner: 1, me: 2 },
            ErrorKind::Busy { object: name, holder: "a creator", waited_ms: 1 },
            ErrorKind::BackendCannot { operation: "a", backend, reason: "b", able: "c" },
            ErrorKind::NoSpace { needs: 2, has: Some(1), place: "this process's cgroup".into() },
            ErrorKind::NoSpace { needs: 2, has: Some(1), place: "this machine".into() },
        ];
        for kind in kinds {
            let error = kind.into();
            assert_eq!(Reach::of(&error), None, "{error}");
        }
    }
}
