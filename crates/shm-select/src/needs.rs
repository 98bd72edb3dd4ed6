//! What one array asks of its backend.

use std::fmt;

use shm_core::BackendKind;

/// What one array asks for. The default asks for nothing in particular.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The backend that the array names: the choice is this one, or an error.
    pub backend: Option<BackendKind>,
    /// Bytes of the whole segment, header included. `None` asks for the process's choice, which does
    /// not depend on any size.
    pub bytes: Option<u64>,
    /// How the processes that share the array start.
    pub workers: Workers,
    /// Whether others are to find the array by its name. Then the automatic order takes no backend on
    /// which they cannot; otherwise the name is only a label.
    pub named: bool,
}

/// How the processes that share an array start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Workers {
    /// Not known.
    #[default]
    Unknown,
    /// By fork, after the array was made: they inherit its mapping.
    Forked,
    /// By exec, or by another process: they need a name or a file descriptor.
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
