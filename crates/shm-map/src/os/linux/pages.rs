//! What the system says about huge pages.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::huge::{Home, HugeFacts, HugeSystem, Setting};
use crate::os::SHM_DIRECTORY;

const FOLDER: &str = "/sys/kernel/mm/transparent_hugepage";

/// This machine, as its files in `/sys` and `/proc` tell.
pub(crate) struct Machine;

impl HugeSystem for Machine {
    fn ruling(&self, home: Home, unit: usize) -> Setting {
        ruling(home, unit, &setting)
    }

    fn free_pages(&self, unit: usize) -> u64 {
        free_pages(unit, &setting)
    }
}

impl HugeFacts {
    /// Asks the system. What cannot be read is unknown, or none.
    pub fn read() -> Self {
        let size = page_size();
        let unit = size.unwrap_or(0);
        let shmem = ruling(Home::Kernel, unit, &setting);
        Self { size, shmem, mount: mount(&setting), free: free_pages(unit, &setting) }
    }
}

/// A file of the system as text; empty if it cannot be read.
fn setting(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Size of a huge page in bytes, if the kernel has any. Asks the system once.
pub(crate) fn page_size() -> Option<usize> {
    static SIZE: AtomicUsize = AtomicUsize::new(0); // not asked yet
    let mut size = SIZE.load(Relaxed);
    if size == 0 {
        size = setting(&format!("{FOLDER}/hpage_pmd_size")).trim().parse().unwrap_or(1);
        SIZE.store(size, Relaxed);
    }
    (size.is_power_of_two() && (1 << 20..=1 << 30).contains(&size)).then_some(size)
}

/// The setting for huge pages of `unit` bytes, as far as it is needed to tell.
fn ruling(home: Home, unit: usize, read: &impl Fn(&str) -> String) -> Setting {
    let all = chosen(&read(&format!("{FOLDER}/shmem_enabled")));
    match home {
        // Both are above every mount, and every size.
        _ if matches!(all, Setting::Deny | Setting::Force) => all,
        Home::Mount => mount(read),
        // Since Linux 6.11 there is one for each size, which mostly inherits.
        Home::Kernel => {
            let path = format!("{FOLDER}/hugepages-{}kB/shmem_enabled", unit >> 10);
            match chosen(&read(&path)) {
                Setting::Unknown => all,
                of_size => of_size,
            }
        }
    }
}

/// The `huge=` option of `/dev/shm`.
fn mount(read: &impl Fn(&str) -> String) -> Setting {
    mount_option(&read("/proc/self/mountinfo")).unwrap_or(Setting::Unknown)
}

/// How many hugetlb pages of `unit` bytes are free and promised to nobody.
fn free_pages(unit: usize, read: &impl Fn(&str) -> String) -> u64 {
    let count = |what| {
        let path = format!("/sys/kernel/mm/hugepages/hugepages-{}kB/{what}_hugepages", unit >> 10);
        read(&path).trim().parse().unwrap_or(0)
    };
    u64::saturating_sub(count("free"), count("resv"))
}

/// The word in brackets: `always [never]`.
fn chosen(text: &str) -> Setting {
    let word = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    word.map_or(Setting::Unknown, |(word, _)| Setting::of(word))
}

/// The `huge=` option of the last mount on `/dev/shm`; `never` if it has none. See proc(5).
fn mount_option(mountinfo: &str) -> Option<Setting> {
    let line = mountinfo.lines().rfind(|line| line.split(' ').nth(4) == Some(SHM_DIRECTORY))?;
    let (_, behind) = line.split_once(" - ")?;
    let options = behind.split(' ').nth(2)?;
    let option = options.split(',').find_map(|option| option.strip_prefix("huge="));
    Some(option.map_or(Setting::Never, Setting::of))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    const SETTINGS: [Setting; 7] = [
        Setting::Always,
        Setting::WithinSize,
        Setting::Advise,
        Setting::Never,
        Setting::Deny,
        Setting::Force,
        Setting::Unknown,
    ];
    const UNIT: usize = 2 << 20;

    /// Reads the files of a machine with these settings, of which each size inherits the first.
    fn machine(shmem: Setting, mount: Setting, free: u64) -> impl Fn(&str) -> String {
        move |path| match path {
            "/proc/self/mountinfo" => {
                format!("25 24 0:23 / /dev/shm rw - tmpfs tmpfs rw,huge={}\n", mount.word())
            }
            "/sys/kernel/mm/transparent_hugepage/shmem_enabled" => format!("[{}]\n", shmem.word()),
            "/sys/kernel/mm/transparent_hugepage/hugepages-2048kB/shmem_enabled" => {
                "always [inherit] never\n".into()
            }
            "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages" => format!("{}\n", free + 3),
            "/sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages" => "3\n".into(),
            other => panic!("{other} does not matter"),
        }
    }

    fn is_above(setting: Setting) -> bool {
        matches!(setting, Setting::Deny | Setting::Force)
    }

    #[test]
    fn each_home_has_its_own_setting() {
        for shmem in SETTINGS {
            for mount in SETTINGS {
                let read = machine(shmem, mount, 0);
                assert_eq!(ruling(Home::Kernel, UNIT, &read), shmem, "{shmem:?}, {mount:?}");
                let of_mount = if is_above(shmem) { shmem } else { mount };
                assert_eq!(ruling(Home::Mount, UNIT, &read), of_mount, "{shmem:?}, {mount:?}");
            }
        }
    }

    #[test]
    fn a_size_of_its_own_rules_unless_all_are_forbidden_or_forced() {
        for shmem in SETTINGS {
            let others = machine(shmem, Setting::Never, 0);
            let read = |path: &str| match path.ends_with("kB/shmem_enabled") {
                true => "always inherit [advise] never\n".into(),
                false => others(path),
            };
            let of_size = if is_above(shmem) { shmem } else { Setting::Advise };
            assert_eq!(ruling(Home::Kernel, UNIT, &read), of_size, "{shmem:?}");
        }
    }

    #[test]
    fn pages_that_are_promised_are_not_free() {
        assert_eq!(free_pages(UNIT, &machine(Setting::Never, Setting::Never, 7)), 7);
        assert_eq!(free_pages(UNIT, &|_: &str| String::new()), 0);
    }

    #[test]
    fn only_what_matters_is_read() {
        let machine = machine(Setting::Never, Setting::Always, 1);
        let reads = |home| {
            let paths = RefCell::new(Vec::new());
            ruling(home, UNIT, &|path: &str| {
                paths.borrow_mut().push(path.rsplit('/').next().unwrap().to_owned());
                machine(path)
            });
            paths.into_inner()
        };
        assert_eq!(reads(Home::Kernel), ["shmem_enabled", "shmem_enabled"]);
        assert_eq!(reads(Home::Mount), ["shmem_enabled", "mountinfo"]);
    }

    #[test]
    fn what_the_kernel_writes_is_understood() {
        assert_eq!(chosen("always within_size advise [never] deny force"), Setting::Never);
        for odd in ["", "never", "[", "]x[", "[inherit]"] {
            assert_eq!(chosen(odd), Setting::Unknown, "{odd}");
        }
        let line = |options: &str| format!("25 24 0:23 / /dev/shm rw - tmpfs tmpfs {options}\n");
        let two = line("rw,size=4m") + &line("rw,huge=advise,size=8m");
        assert_eq!(mount_option(&line("rw")), Some(Setting::Never));
        assert_eq!(mount_option(&two), Some(Setting::Advise));
        for odd in ["", "25 24 0:23 / /dev/shm rw", "1 2 3 4 /dev/shm - tmpfs", "\n\n - \n"] {
            assert_eq!(mount_option(odd), None, "{odd}");
        }
    }
}
