//! What one array asks of its backend.

use std::fmt;

use shm_core::BackendKind;

/// What one array asks for. The default asks for nothing in particular.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The backend that the array names; it is given, or is an error.
    pub backend: Option<BackendKind>,
    /// Bytes of the whole segment, header included. `None` asks for the process's choice, which
    /// does not look at sizes.
    pub bytes: Option<u64>,
    /// How the processes start that are to share the array.
    pub workers: Workers,
    /// Prefer `mmap` to `memfd` wherever fork exists, as GridR did, though the workers are not
    /// known to be forked. It changes nothing for spawned workers.
    pub historical: bool,
}

/// How the processes start that are to share an array.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Workers {
    /// Not known.
    #[default]
    Unknown,
    /// By fork, after the array was made: they inherit its mapping.
    Forked,
    /// By exec, or not by this process: they need a name or a file descriptor.
    Spawned,
}

impl fmt::Display for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Forked => "forked",
            Self::Spawned => "spawned",
        })
    }
}
