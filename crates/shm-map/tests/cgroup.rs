//! A cgroup whose limit is too small: the space check refuses what would end in SIGKILL.
//!
//! The test runs itself again in a mount namespace of its own, with a made-up `/sys/fs/cgroup`. So no
//! real group changes, and nothing is killed if the check fails.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // a failed step fails the test

use std::fs::File;
use std::process::Command;

use rustix::fs::{MemfdFlags, memfd_create};
use shm_core::ErrorKind;
use shm_map::{cgroup, reserve};

const ROLE: &str = "SHM_MAP_TEST_ROLE";
const MIB: u64 = 1 << 20;

#[test]
fn beyond_the_limit_of_the_cgroup_is_no_space() {
    if std::env::var_os(ROLE).is_some() {
        return below_a_limit();
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("not root: no mount namespace, nothing tested here");
        return;
    }
    // The group's path leads nowhere in this tree, so its root answers, in either version.
    let shell = r#"
        mount -t tmpfs tmpfs /sys/fs/cgroup
        mkdir /sys/fs/cgroup/memory
        echo 67108864 > /sys/fs/cgroup/memory.max
        echo 0 > /sys/fs/cgroup/memory.swap.max
        echo 67108864 > /sys/fs/cgroup/memory/memory.limit_in_bytes
        printf 'anon 4194304\nshmem 4194304\ntotal_rss 4194304\ntotal_shmem 4194304\n' \
            | tee /sys/fs/cgroup/memory.stat > /sys/fs/cgroup/memory/memory.stat
        exec "$@""#;
    let status = Command::new("unshare")
        .args(["-m", "sh", "-ec", shell, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "beyond_the_limit_of_the_cgroup_is_no_space", "--nocapture"])
        .env(ROLE, "limited")
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}

/// In a group with a limit of 64 MiB, of which 8 cannot be dropped.
fn below_a_limit() {
    let figures = cgroup().unwrap();
    assert_eq!((figures.limit, figures.unreclaimable), (Some(64 * MIB), 8 * MIB), "{figures}");
    let free = figures.free().unwrap();
    let file = File::from(memfd_create("limited", MemfdFlags::CLOEXEC).unwrap());
    let error = reserve(&file, free + 4096).unwrap_err();
    let ErrorKind::NoSpace { needs, has, place } = error.kind() else { unreachable!("{error}") };
    assert_eq!((*needs, *has), (free + 4096, Some(free)));
    assert!(place.contains("cgroup"), "{error}");
    assert_eq!(rustix::fs::fstat(&file).unwrap().st_blocks, 0, "refused before any is reserved");
    if free == 56 * MIB {
        reserve(&file, free).unwrap(); // no swap is counted on: it fits exactly
    }
}
