//! What the system says about huge pages.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

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
    /// Pages of that size that are set aside (hugetlb) and promised to nobody.
    pub free: u64,
}

impl HugeFacts {
    /// Reads them from `/sys` and `/proc`. What cannot be read is unknown, or none.
    pub fn read() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let size = Self::size();
        let mut shmem = chosen(&read(&format!("{FOLDER}/shmem_enabled")));
        let kib = size.unwrap_or(0) >> 10;
        if !matches!(shmem, Setting::Deny | Setting::Force) {
            // Since Linux 6.11 there is one for each size, which mostly inherits.
            let of_size = chosen(&read(&format!("{FOLDER}/hugepages-{kib}kB/shmem_enabled")));
            if of_size != Setting::Unknown {
                shmem = of_size;
            }
        }
        let pool = |what| {
            let path = format!("/sys/kernel/mm/hugepages/hugepages-{kib}kB/{what}_hugepages");
            read(&path).trim().parse().unwrap_or(0)
        };
        let free = u64::saturating_sub(pool("free"), pool("resv"));
        let mount = mount_option(&read("/proc/self/mountinfo")).unwrap_or(Setting::Unknown);
        Self { size, shmem, mount, free }
    }

    /// Size of a huge page in bytes, if the kernel has any. Asks the system once.
    pub(crate) fn size() -> Option<usize> {
        static SIZE: AtomicUsize = AtomicUsize::new(0); // not asked yet
        let mut size = SIZE.load(Relaxed);
        if size == 0 {
            let text = std::fs::read_to_string(format!("{FOLDER}/hpage_pmd_size"));
            size = text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(1);
            SIZE.store(size, Relaxed);
        }
        (size.is_power_of_two() && (1 << 20..=1 << 30).contains(&size)).then_some(size)
    }
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
