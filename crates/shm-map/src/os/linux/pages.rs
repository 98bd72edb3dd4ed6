//! What the system says about huge pages.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use rustix::fs::Stat;
use shm_core::Header;

use crate::pages::{Home, PagePlan};

const FOLDER: &str = "/sys/kernel/mm/transparent_hugepage";

/// A setting of transparent huge pages for shared memory. See the kernel's
/// `admin-guide/mm/transhuge.rst`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// For all, whatever their size.
    Always,
    /// For all, as far as a whole page lies within the file.
    WithinSize,
    /// Where `madvise(2)` asks.
    Advise,
    /// For none.
    Never,
    /// For none, on any mount.
    Deny,
    /// For all, on every mount.
    Force,
    /// Missing, or a word of another kernel.
    Unknown,
}

impl Setting {
    /// From the word that the kernel has for it.
    pub fn of(word: &str) -> Self {
        match word {
            "always" => Self::Always,
            "within_size" => Self::WithinSize,
            "advise" => Self::Advise,
            "never" => Self::Never,
            "deny" => Self::Deny,
            "force" => Self::Force,
            _ => Self::Unknown,
        }
    }

    /// The word that the kernel has for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::WithinSize => "within_size",
            Self::Advise => "advise",
            Self::Never => "never",
            Self::Deny => "deny",
            Self::Force => "force",
            Self::Unknown => "unknown",
        }
    }
}

/// What the system says about huge pages at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HugeFacts {
    /// Size of a huge page in bytes, if the kernel has any.
    pub size: Option<usize>,
    /// `shmem_enabled`: for memfds and anonymous mappings.
    pub shmem: Setting,
    /// The `huge=` option of `/dev/shm`.
    pub mount: Setting,
    /// Free hugetlb pages of that size that are promised to nobody.
    pub free: u64,
}

impl HugeFacts {
    /// Reads them from `/sys` and `/proc`. What cannot be read is unknown, or none.
    pub fn read() -> Self {
        let size = page_size();
        let unit = size.unwrap_or(0);
        let shmem = ruling(Home::Kernel, unit, &setting);
        Self { size, shmem, mount: mount(&setting), free: free_pages(unit, &setting) }
    }
}

/// A file of the system as text; empty if it cannot be read.
pub(crate) fn setting(path: &str) -> String {
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
pub(crate) fn ruling(home: Home, unit: usize, read: &impl Fn(&str) -> String) -> Setting {
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
pub(crate) fn free_pages(unit: usize, read: &impl Fn(&str) -> String) -> u64 {
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
    let line = mountinfo.lines().rfind(|line| line.split(' ').nth(4) == Some("/dev/shm"))?;
    let (_, behind) = line.split_once(" - ")?;
    let options = behind.split(' ').nth(2)?;
    let option = options.split(',').find_map(|option| option.strip_prefix("huge="));
    Some(option.map_or(Setting::Never, Setting::of))
}

impl PagePlan {
    /// For a segment that is there: by the size of its pages as `fstat(2)` tells it (`st_blksize`),
    /// or, where they are huge only by advice, by its header.
    pub fn of_segment(stat: &Stat, header: &Header) -> Self {
        let page_size = usize::try_from(stat.st_blksize).unwrap_or(0);
        Self::of_file(page_size, stat.st_size.cast_unsigned(), header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
