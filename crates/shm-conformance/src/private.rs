//! A `/dev/shm` that nobody else uses, for tests that count its entries or fill it; process ids of
//! one's own, and hidden folders.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind, mount_change};
use rustix::process::{getegid, geteuid};
use rustix::thread::UnshareFlags;

static PRIVATE: AtomicBool = AtomicBool::new(false);

/// Whether [`shm`] has worked in this process or in the one that it was forked from.
pub fn is_private() -> bool {
    PRIVATE.load(Relaxed)
}

/// Gives this process, and the children it starts, an empty `/dev/shm` with these tmpfs options
/// (`size=4m`). Tells whether the system allows it; see `mount_namespaces(7)`.
///
/// Call it while the process has one thread: an ordinary user needs a user namespace.
pub fn shm(options: &str) -> bool {
    if !apart(UnshareFlags::NEWNS) {
        return false;
    }
    let apart = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    let options = std::ffi::CString::new(format!("mode=1777,{options}")).unwrap();
    let mounted = mount_change("/", apart)
        .and_then(|()| {
            mount("tmpfs", "/dev/shm", "tmpfs", MountFlags::NOSUID, Some(options.as_c_str()))
        })
        .is_ok();
    PRIVATE.store(mounted, Relaxed);
    mounted
}

/// Puts a file system of another type on `/dev/shm`, for this process and the children it starts: one
/// that is no place for segments (`proc`), or lacks what tmpfs can (`ramfs`). Tells whether the system
/// allows it.
pub fn other_shm(file_system: &str) -> bool {
    let apart = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    self::apart(UnshareFlags::NEWNS)
        && mount_change("/", apart)
            .and_then(|()| mount("none", "/dev/shm", file_system, MountFlags::NOSUID, None))
            .is_ok()
}

/// Gives the children that this process forks from now on process ids of their own: the first is
/// process 1. Tells whether the system allows it; see `pid_namespaces(7)`.
///
/// Call it while the process has one thread.
pub fn pids() -> bool {
    apart(UnshareFlags::NEWPID)
}

/// Mounts `/dev/shm` once more, for this process and the children it starts: the same file system by
/// another mount, as a container has it that is given its host's. Tells whether the system allows it.
///
/// Call it while the process has one thread.
pub fn mount_again() -> bool {
    let alone = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    apart(UnshareFlags::NEWNS)
        && mount_change("/", alone).and_then(|()| mount_bind("/dev/shm", "/dev/shm")).is_ok()
}

/// Puts an empty folder in the place of that one, for this process and the children it starts.
/// Tells whether the system allows it.
pub fn hide(folder: &str) -> bool {
    // Not where it could spread to other processes.
    is_private()
        && apart(UnshareFlags::NEWNS)
        && mount("tmpfs", folder, "tmpfs", MountFlags::NOSUID, None).is_ok()
}

#[allow(unsafe_code)] // unshare is unsafe for CLONE_FILES alone, which is not asked for.
fn apart(flags: UnshareFlags) -> bool {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let unshare = |flags| {
        // SAFETY: CLONE_FILES, the one flag with a precondition, is not among them.
        unsafe { rustix::thread::unshare_unsafe(flags) }.is_ok()
    };
    if unshare(flags) {
        return true;
    }
    if !unshare(UnshareFlags::NEWUSER | flags) {
        return false;
    }
    let mapped = fs::write("/proc/self/setgroups", "deny")
        .and_then(|()| fs::write("/proc/self/uid_map", format!("{uid} {uid} 1")))
        .and_then(|()| fs::write("/proc/self/gid_map", format!("{gid} {gid} 1")));
    assert!(mapped.is_ok(), "a user namespace without users: {mapped:?}");
    true
}
