//! Linux: what `/dev/shm`, `memfd_create` and `/proc` say.

use rustix::fs::{Access, MemfdFlags, StatVfs};
use rustix::io::Errno;
use shm_core::BackendKind;

use crate::space::Space;

/// With the dot, the kernel refuses what is not a directory.
const SHM: &str = "/dev/shm/.";

/// Why the system refuses a backend; `None` if it works.
pub(crate) fn refusal(backend: BackendKind) -> Option<String> {
    match backend {
        BackendKind::Shm => shm_refusal(),
        BackendKind::Memfd => memfd_refusal(),
        // Every Linux has anonymous shared mappings; a limit that is reached shows at creation.
        _ => None,
    }
}

fn shm_refusal() -> Option<String> {
    let refused = |call: &str, errno: Errno| format!("{call} on /dev/shm: {errno}");
    if let Err(errno) = rustix::fs::statvfs(SHM) {
        return Some(refused("statvfs", errno));
    }
    rustix::fs::access(SHM, Access::WRITE_OK | Access::EXEC_OK)
        .err()
        .map(|errno| refused("access", errno))
}

fn memfd_refusal() -> Option<String> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match rustix::fs::memfd_create("shmarray-probe", flags) {
        Ok(_) => None,
        // The call exists. The limit may be gone by the time an array is made; if not, making the
        // array says so.
        Err(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => None,
        Err(errno) => Some(format!("memfd_create: {errno}")),
    }
}

/// The space in `/dev/shm`; `None` if it cannot be measured.
pub(crate) fn shm_space() -> Option<Space> {
    rustix::fs::statvfs(SHM).ok().map(|stat| space(&stat))
}

fn space(stat: &StatVfs) -> Space {
    if stat.f_blocks == 0 {
        return Space::Unlimited;
    }
    Space::Limited {
        free: stat.f_bavail.saturating_mul(stat.f_frsize),
        total: stat.f_blocks.saturating_mul(stat.f_frsize),
    }
}

pub(crate) fn overcommit() -> Option<u8> {
    std::fs::read_to_string("/proc/sys/vm/overcommit_memory").ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_blocks_are_unlimited_and_huge_ones_do_not_overflow() {
        let mut stat = rustix::fs::statvfs("/").unwrap();
        (stat.f_blocks, stat.f_bavail, stat.f_frsize) = (0, 0, 4096);
        assert_eq!(space(&stat), Space::Unlimited);
        (stat.f_blocks, stat.f_bavail) = (10, 3);
        let (free, total) = (3 * 4096, 10 * 4096);
        assert_eq!(space(&stat), Space::Limited { free, total });
        (stat.f_blocks, stat.f_bavail) = (u64::MAX, u64::MAX);
        let (free, total) = (u64::MAX, u64::MAX);
        assert_eq!(space(&stat), Space::Limited { free, total });
    }
}
