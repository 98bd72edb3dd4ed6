//! The backends of this build on this system, as one type: the only place that asks which there are.

use std::os::fd::OwnedFd;

use shm_core::{Access, BackendKind, Error, ErrorKind, Fill, Name, Origin, Result, Spec};

#[cfg(all(feature = "memfd", target_os = "linux"))]
mod memfd;
#[cfg(all(feature = "mmap", unix))]
mod mmap;
pub(crate) mod segment;
#[cfg(all(feature = "shm", target_os = "linux"))]
mod shm;

use segment::Mapped;

/// The backends that are compiled into this build.
pub(crate) const COMPILED: &[BackendKind] = &[
    #[cfg(all(feature = "shm", target_os = "linux"))]
    BackendKind::Shm,
    #[cfg(all(feature = "mmap", unix))]
    BackendKind::Mmap,
    #[cfg(all(feature = "memfd", target_os = "linux"))]
    BackendKind::Memfd,
];

/// The operations of a backend. One that it does not have is an error that says which backend has it.
trait Mechanism {
    /// Makes a segment.
    fn create(&self, spec: &Spec, fill: Option<Fill<'_>>) -> Result<Mapped>;

    /// Attaches by name.
    fn attach(&self, name: &Name, access: Access) -> Result<Mapped>;

    /// Attaches to a file descriptor that was handed over.
    fn attach_fd(&self, fd: OwnedFd, name: &Name, access: Access) -> Result<Mapped>;

    /// Attaches to a segment without a name while its sender lives.
    fn attach_origin(&self, origin: Origin, access: Access) -> Result<Mapped>;
}

/// The backend of that kind.
#[inline]
fn backend(kind: BackendKind) -> Result<&'static dyn Mechanism> {
    match kind {
        #[cfg(all(feature = "shm", target_os = "linux"))]
        BackendKind::Shm => Ok(&shm::Shm),
        #[cfg(all(feature = "mmap", unix))]
        BackendKind::Mmap => Ok(&mmap::Mmap),
        #[cfg(all(feature = "memfd", target_os = "linux"))]
        BackendKind::Memfd => Ok(&memfd::Memfd),
        other => Err(missing(other)),
    }
}

/// Why there is no such backend: the build, or the system.
fn missing(backend: BackendKind) -> Error {
    let (is_enabled, exists, systems) = match backend {
        BackendKind::Shm => (cfg!(feature = "shm"), cfg!(target_os = "linux"), "Linux"),
        BackendKind::Mmap => (cfg!(feature = "mmap"), cfg!(unix), "Unix"),
        BackendKind::Memfd => (cfg!(feature = "memfd"), cfg!(target_os = "linux"), "Linux"),
        _ => (false, true, ""),
    };
    if is_enabled && !exists {
        let reason = format!("it exists on {systems}, and this is {}", std::env::consts::OS);
        return ErrorKind::BackendRefused { backend, reason }.into();
    }
    ErrorKind::BackendNotCompiled { backend, feature: backend.feature() }.into()
}

/// Makes a segment.
#[inline]
pub(crate) fn create(kind: BackendKind, spec: &Spec, fill: Option<Fill<'_>>) -> Result<Mapped> {
    backend(kind)?.create(spec, fill)
}

/// Attaches by name.
#[inline]
pub(crate) fn attach(kind: BackendKind, name: &Name, access: Access) -> Result<Mapped> {
    backend(kind)?.attach(name, access)
}

/// Attaches to a file descriptor that was handed over.
pub(crate) fn attach_fd(
    kind: BackendKind,
    fd: OwnedFd,
    name: &Name,
    access: Access,
) -> Result<Mapped> {
    backend(kind)?.attach_fd(fd, name, access)
}

/// Attaches to a segment without a name while its sender lives.
pub(crate) fn attach_origin(kind: BackendKind, origin: Origin, access: Access) -> Result<Mapped> {
    backend(kind)?.attach_origin(origin, access)
}

/// Removes a name that all processes of the user see.
pub(crate) fn delete(name: &Name) -> Result<bool> {
    #[cfg(all(feature = "shm", target_os = "linux"))]
    return shm::delete(name);
    #[cfg(not(all(feature = "shm", target_os = "linux")))]
    {
        let _ = name;
        Err(missing(BackendKind::Shm))
    }
}

/// Whether an anonymous array of this process bears the name at this moment.
pub(crate) fn is_anonymous(name: &Name) -> bool {
    #[cfg(all(feature = "mmap", unix))]
    return mmap::is_known(name);
    #[cfg(not(all(feature = "mmap", unix)))]
    {
        let _ = name;
        false
    }
}

/// The error for an operation that needs a file, on the backend that has none.
pub(crate) fn backend_cannot(operation: &'static str, backend: BackendKind) -> Error {
    let reason = "anonymous mappings are reached by forked descendants only";
    ErrorKind::BackendCannot { operation, backend, reason, able: "shm or memfd" }.into()
}
