//! What a system says about huge pages, as data.

/// Where the memory of a segment comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// From the kernel itself: memfds and anonymous mappings. `shmem_enabled` rules, and
    /// hugetlb pages can be had, which the administrator sets aside.
    Kernel,
    /// From the file system at `/dev/shm`: its `huge=` option rules.
    Mount,
}

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

/// A system that can be asked about huge pages of `unit` bytes.
pub(crate) trait HugeSystem {
    /// The setting that rules for memory from there.
    fn ruling(&self, home: Home, unit: usize) -> Setting;

    /// How many hugetlb pages are free and promised to nobody.
    fn free_pages(&self, unit: usize) -> u64;
}
