//! A `/dev/shm` of one's own, to write files to: it needs no disk.
#![allow(unsafe_code)] // unshare is unsafe for CLONE_FILES alone, which is not asked for

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::thread::{UnshareFlags, unshare_unsafe};

/// Puts an empty `/dev/shm` in the place of the common one, for this process. Tells whether the
/// system allows it; see `mount_namespaces(7)`.
pub fn shm() -> bool {
    // SAFETY: CLONE_FILES, the one flag with a precondition, is not among them.
    let apart = unsafe { unshare_unsafe(UnshareFlags::NEWNS) };
    let flags = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    apart
        .and_then(|()| mount_change("/", flags))
        .and_then(|()| mount("tmpfs", "/dev/shm", "tmpfs", MountFlags::NOSUID, c"size=16m"))
        .is_ok()
}
