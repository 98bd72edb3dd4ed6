//! Huge pages: whether large arrays get them here, and the line that turns them on.

use super::finding::Finding;
use super::limits::{kibibytes, text};

const GROUP: &str = "huge pages";

const SHMEM: &str = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";

pub(super) fn findings() -> Vec<Finding> {
    let shmem = text(SHMEM).and_then(|text| chosen(&text).map(str::to_owned));
    let mount = text("/proc/self/mountinfo").map(|text| mount_option(&text));
    vec![of_memfd(shmem.as_deref()), of_shm(mount, shmem.as_deref()), pool()]
}

/// For memory that is on no file system of its own.
fn of_memfd(shmem: Option<&str>) -> Finding {
    let what = "memfd, mmap (shmem_enabled)";
    let Some(mode) = shmem else {
        return Finding::unknown(GROUP, what);
    };
    let found = Finding::new(GROUP, what, mode);
    match mode {
        "always" | "within_size" | "force" => found,
        "advise" => {
            found.advice(format!("only where madvise asks; turn on: echo within_size > {SHMEM}"))
        }
        _ => found.advice(format!("turn on: echo within_size > {SHMEM}")),
    }
}

fn of_shm(mount: Option<Option<String>>, shmem: Option<&str>) -> Finding {
    let what = "shm (huge= of /dev/shm)";
    let Some(Some(option)) = mount else {
        return Finding::unknown(GROUP, what);
    };
    let found = Finding::new(GROUP, what, option.as_str());
    match (option.as_str(), shmem) {
        (_, Some("deny")) => {
            found.advice(format!("forbidden by shmem_enabled; allow: echo never > {SHMEM}"))
        }
        (_, Some("force")) | ("always" | "within_size", _) => found,
        _ => found.advice("turn on: mount -o remount,huge=within_size /dev/shm"),
    }
}

/// Pages set aside for hugetlbfs, which no backend takes.
fn pool() -> Finding {
    let meminfo = text("/proc/meminfo").unwrap_or_default();
    let count = |field: &str| {
        meminfo.lines().find_map(|line| {
            line.strip_prefix(field)?.strip_prefix(':')?.trim().parse::<u64>().ok()
        })
    };
    let what = "set aside (hugetlb)";
    let (Some(all), Some(free)) = (count("HugePages_Total"), count("HugePages_Free")) else {
        return Finding::unknown(GROUP, what);
    };
    let size =
        kibibytes(&meminfo, "Hugepagesize").map_or("unknown size".into(), crate::units::bytes);
    let found =
        Finding::new(GROUP, what, format!("{free} of {all} free, of {size}")).number(Some(all));
    if all > 0 {
        found.advice("no array uses them; give them back: sysctl vm.nr_hugepages=0")
    } else {
        found
    }
}

/// The word in brackets: `always [never]`.
fn chosen(text: &str) -> Option<&str> {
    text.split_once('[')?.1.split_once(']').map(|(word, _)| word)
}

/// The `huge=` option of the last mount on `/dev/shm`; `never` if it has none. See proc(5).
fn mount_option(mountinfo: &str) -> Option<String> {
    let line = mountinfo.lines().rfind(|line| line.split(' ').nth(4) == Some("/dev/shm"))?;
    let (_, behind) = line.split_once(" - ")?;
    let options = behind.split(' ').nth(2)?;
    let option = options.split(',').find_map(|option| option.strip_prefix("huge="));
    Some(option.unwrap_or("never").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_writes_is_understood() {
        assert_eq!(chosen("always within_size advise [never] deny force"), Some("never"));
        for odd in ["", "never", "[", "]x["] {
            assert_eq!(chosen(odd), None, "{odd}");
        }
        let line = |options: &str| format!("25 24 0:23 / /dev/shm rw - tmpfs tmpfs {options}\n");
        let two = line("rw,size=4m") + &line("rw,huge=advise,size=8m");
        assert_eq!(mount_option(&line("rw")), Some("never".into()));
        assert_eq!(mount_option(&two), Some("advise".into()));
        for odd in ["", "25 24 0:23 / /dev/shm rw", "1 2 3 4 /dev/shm - tmpfs", "\n\n - \n"] {
            assert_eq!(mount_option(odd), None, "{odd}");
        }
    }

    #[test]
    fn what_turns_them_on_is_said() {
        let advice = |found: Finding| found.advice.unwrap_or_default();
        assert!(advice(of_memfd(Some("never"))).contains("shmem_enabled"));
        assert_eq!(advice(of_memfd(Some("within_size"))), "");
        assert!(advice(of_shm(Some(Some("never".into())), Some("never"))).contains("remount"));
        assert!(advice(of_shm(Some(Some("always".into())), Some("deny"))).contains("forbidden"));
        assert_eq!(advice(of_shm(Some(Some("within_size".into())), None)), "");
        assert_eq!(of_shm(None, None).found, "unknown");
    }
}
