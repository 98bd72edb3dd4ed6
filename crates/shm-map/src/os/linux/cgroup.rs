//! The memory limit of this process's control group, both versions. See cgroups(7).
//!
//! A limit holds for every group below it, so the tightest limit counts, from the process's own group
//! up to the root. Inside a container the path may lead nowhere in the visible part of the tree; then
//! the root of that part answers.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path};

use super::limits::swap_free;
use crate::cgroup::{Cgroup, CgroupVersion};

/// The tightest memory limit of this process's control group; `None` if no memory controller answers.
pub fn cgroup() -> Option<Cgroup> {
    let swap = || swap_free().unwrap_or(u64::MAX);
    read(Path::new("/proc/self/cgroup"), Path::new("/sys/fs/cgroup"), swap)
}

/// Reads the limit, given the list of groups (`/proc/self/cgroup`), where the trees are mounted
/// (`/sys/fs/cgroup`), and the bytes of swap that the machine has free.
fn read(list: &Path, mount: &Path, swap_free: impl Fn() -> u64) -> Option<Cgroup> {
    let list = text(list)?;
    let groups = || list.lines().filter_map(parse);
    // Where both are there, the memory controller is on one of them only; v1 lists it by name.
    let v1 = groups().find(|(controllers, _)| controllers.split(',').any(|one| one == "memory"));
    let v2 = groups().find(|(controllers, _)| controllers.is_empty());
    v1.and_then(|(_, path)| tightest(CgroupVersion::V1, &mount.join("memory"), path, &swap_free))
        .or_else(|| v2.and_then(|(_, path)| tightest(CgroupVersion::V2, mount, path, &swap_free)))
}

/// `hierarchy:controllers:path`
fn parse(line: &str) -> Option<(&str, &Path)> {
    let mut fields = line.splitn(3, ':');
    let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    Some((controllers, Path::new(path)))
}

fn tightest(
    version: CgroupVersion,
    mount: &Path,
    path: &Path,
    swap_free: &dyn Fn() -> u64,
) -> Option<Cgroup> {
    let path = path.strip_prefix("/").ok()?;
    let plain = |part| matches!(part, Component::Normal(_));
    // The kernel writes `/../..` for a group outside the visible tree.
    let path = if path.components().all(plain) { path } else { Path::new("") };
    path.ancestors()
        .filter_map(|group| memory(version, &mount.join(group), swap_free))
        .min_by_key(|cgroup| cgroup.free().unwrap_or(u64::MAX))
}

/// The figures of one group; `None` if it has neither limit nor usage.
fn memory(version: CgroupVersion, group: &Path, swap_free: &dyn Fn() -> u64) -> Option<Cgroup> {
    let (limit, usage) = match version {
        CgroupVersion::V1 => ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        CgroupVersion::V2 => ("memory.max", "memory.current"),
    };
    // For no limit, version 2 writes `max`, and version 1 the largest multiple of a page, which has
    // at most 64 KiB.
    let limit = number(&group.join(limit)).filter(|&limit| limit < i64::MAX as u64 - 0xffff);
    let usage = number(&group.join(usage));
    if limit.is_none() {
        let (unreclaimable, swap) = (0, 0);
        return usage.map(|_| Cgroup { version, limit, usage, unreclaimable, swap });
    }
    let unreclaimable = unreclaimable(version, group);
    Some(Cgroup {
        version,
        limit,
        usage,
        unreclaimable,
        swap: swap(version, group).min(swap_free()),
    })
}

/// The memory of processes and shared memory, descendants included.
fn unreclaimable(version: CgroupVersion, group: &Path) -> u64 {
    let keys = match version {
        CgroupVersion::V1 => ["total_rss", "total_shmem"],
        CgroupVersion::V2 => ["anon", "shmem"],
    };
    let stat = text(&group.join("memory.stat")).unwrap_or_default();
    let value = |line: &str| {
        let (key, value) = line.split_once(' ')?;
        keys.contains(&key).then(|| value.parse::<u64>().ok())?
    };
    stat.lines().filter_map(value).fold(0, u64::saturating_add)
}

/// How much more swap the group may use; without a limit that can be read, as much as there is.
fn swap(version: CgroupVersion, group: &Path) -> u64 {
    let figure = |name| number::<u64>(&group.join(name));
    let left = match version {
        // These count memory and swap together, so they say nothing of swap alone.
        CgroupVersion::V1 => None,
        CgroupVersion::V2 => figure("memory.swap.max")
            .map(|most| most.saturating_sub(figure("memory.swap.current").unwrap_or(0))),
    };
    left.unwrap_or(u64::MAX)
}

/// The start of a small file as text: nothing that the kernel writes here is longer.
fn text(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    let file = File::open(path).ok()?;
    file.take(64 << 10).read_to_end(&mut bytes).ok()?;
    String::from_utf8(bytes).ok()
}

/// A file that holds one number.
fn number<T: std::str::FromStr>(path: &Path) -> Option<T> {
    text(path)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Bytes of swap that the made-up machine has free.
    const SWAP: u64 = 100;

    /// Reads a made-up machine: the list of groups, and files below the mount.
    fn machine(list: &[u8], files: &[(&str, &[u8])]) -> Option<Cgroup> {
        let folder = tempfile::tempdir().unwrap();
        let mount = folder.path().join("mount");
        for (path, contents) in files {
            let path = mount.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
        let path = folder.path().join("list");
        fs::write(&path, list).unwrap();
        read(&path, &mount, || SWAP)
    }

    fn cgroup(version: CgroupVersion, limit: Option<u64>, usage: Option<u64>) -> Option<Cgroup> {
        let swap = if limit.is_some() { SWAP } else { 0 };
        Some(Cgroup { version, limit, usage, unreclaimable: 0, swap })
    }

    #[test]
    fn the_tightest_limit_on_the_way_up_counts() {
        let files: [(&str, &[u8]); 6] = [
            ("a/b/memory.max", b"max\n"),
            ("a/b/memory.current", b"10\n"),
            ("a/memory.max", b"1000\n"),
            ("a/memory.current", b"20\n"),
            ("memory.max", b"2000\n"),
            ("memory.current", b"30\n"),
        ];
        assert_eq!(machine(b"0::/a/b\n", &files), cgroup(CgroupVersion::V2, Some(1000), Some(20)));
    }

    #[test]
    fn what_cannot_be_dropped_is_not_free() {
        let free = |list: &[u8], files: &[(&str, &[u8])]| machine(list, files).unwrap().free();
        let stat = b"anon 300\nfile 999\nshmem 50\nanon_thp 7\n";
        let mut files: Vec<(&str, &[u8])> =
            vec![("memory.max", b"1000\n"), ("memory.stat", stat), ("memory.current", b"990\n")];
        assert_eq!(free(b"0::/\n", &files), Some(1000 - 350 + SWAP));
        files.push(("memory.swap.max", b"30\n"));
        files.push(("memory.swap.current", b"10\n"));
        assert_eq!(free(b"0::/\n", &files), Some(1000 - 350 + 20));
        files.push(("a/memory.max", b"200\n"));
        files.push(("a/memory.stat", b"anon 100\n"));
        files.push(("a/memory.swap.max", b"0\n"));
        assert_eq!(free(b"0::/a\n", &files), Some(100));
        let v1: [(&str, &[u8]); 2] = [
            ("memory/memory.limit_in_bytes", b"1000\n"),
            ("memory/memory.stat", b"rss 1\ntotal_rss 900\ntotal_shmem 500\n"),
        ];
        assert_eq!(free(b"4:memory:/\n", &v1), Some(0));
        assert_eq!(free(b"0::/\n", &[("memory.current", b"5\n")]), None);
    }

    #[test]
    fn version_1_is_found_among_the_controllers() {
        let list = b"9:name=systemd:/\n4:cpu,memory:/box\n0::/\n";
        let limit = "memory/box/memory.limit_in_bytes";
        let usage: (&str, &[u8]) = ("memory/box/memory.usage_in_bytes", b"7\n");
        assert_eq!(
            machine(list, &[(limit, b"4096\n"), usage]),
            cgroup(CgroupVersion::V1, Some(4096), Some(7))
        );
        assert_eq!(
            machine(list, &[(limit, b"9223372036854771712\n"), usage]),
            cgroup(CgroupVersion::V1, None, Some(7))
        );
    }

    #[test]
    fn a_path_of_the_host_leads_to_the_visible_root() {
        for list in [&b"0::/docker/0123\n"[..], b"0::/../../elsewhere\n", b"0::/\n"] {
            assert_eq!(
                machine(list, &[("memory.max", b"512\n")]),
                cgroup(CgroupVersion::V2, Some(512), None)
            );
        }
    }

    #[test]
    fn what_is_missing_or_garbled_is_none() {
        let max = |contents| machine(b"0::/\n", &[("memory.max", contents)]);
        for garbled in [&b""[..], b"\xff\xfe", b"many\n", b"-1\n", &[b'9'; 200_000]] {
            assert_eq!(max(garbled), None);
        }
        for list in [&b""[..], b"\n\n::\n", b"0:\n", b"4:memory\n", b"0::relative\n", b"\xff"] {
            assert_eq!(machine(list, &[("memory.max", b"1\n")]), None);
        }
        let nowhere = Path::new("/nonexistent");
        assert_eq!(read(nowhere, nowhere, || SWAP), None);
        // A directory where a file should be.
        assert_eq!(machine(b"0::/\n", &[("memory.max/x", b"1")]), None);
    }
}
