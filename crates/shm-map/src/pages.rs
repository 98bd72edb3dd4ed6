//! Which pages a segment's memory is in: decided from what the system says, with the reason.

use shm_core::{Error, ErrorKind, Fill, Header, Pages, Paging, Result};

use crate::file_stat::FileStat;
use crate::huge::{Home, HugeSystem, Setting};
use crate::os;

#[cfg(test)]
mod tests;

/// Which pages are asked for, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PagePlan {
    kind: Kind,
    /// Size of a page in bytes; 1 where they are ordinary.
    unit: usize,
    reason: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ordinary,
    /// Set aside by the administrator, and promised when they are mapped.
    Hugetlb,
    /// Only where a mapping is advised: what is written to the file gets ordinary ones.
    Advised,
    /// For whatever touches the file first.
    Allowed,
    /// The file that is there has them.
    Found,
}

impl PagePlan {
    /// For a new segment. Asks the system only where huge pages come into question.
    pub fn new(wanted: Pages, home: Home, header: &Header, fill: Option<&Fill<'_>>) -> Self {
        let len = header.segment_len();
        let whole = fill.is_some_and(Fill::is_in_order);
        if let Some(reason) = out_of_question(wanted, len, whole) {
            return Self::ordinary(reason);
        }
        let plan = decide(wanted, home, len, os::page_size(), &os::Machine);
        if wanted == Pages::Huge {
            plan.tell();
        }
        plan
    }

    /// For a segment that is there: by the size of its file's pages, or, where pages are huge only by
    /// advice, by its header.
    ///
    /// A file system that gives huge pages says their size for every file, also for one that is
    /// smaller and so has none.
    pub fn of_segment(stat: &FileStat, header: &Header) -> Self {
        let (unit, len) = (stat.page_size, stat.len);
        let is_huge = unit.is_power_of_two() && (1 << 20..=1 << 30).contains(&unit);
        let (kind, unit) = if is_huge && len >= unit as u64 {
            (Kind::Found, unit)
        } else if header.huge() {
            (Kind::Advised, os::page_size().unwrap_or(1))
        } else {
            return Self::ordinary("it was made in ordinary pages");
        };
        Self { kind, unit, reason: "it was made in huge pages" }
    }

    pub(crate) const fn ordinary(reason: &'static str) -> Self {
        Self { kind: Kind::Ordinary, unit: 1, reason }
    }

    /// What is asked for, in words.
    pub fn paging(&self) -> Paging {
        Paging { huge: self.is_huge().then_some(self.unit), reason: self.reason }
    }

    /// Whether it asks for huge pages.
    pub fn is_huge(&self) -> bool {
        self.kind != Kind::Ordinary && self.unit > 1
    }

    /// Whether it takes hugetlb pages.
    pub fn is_hugetlb(&self) -> bool {
        self.kind == Kind::Hugetlb
    }

    /// Whether only a mapping gets huge pages, not what is written to the file or reserved in it.
    pub(crate) fn needs_advice(&self) -> bool {
        self.kind == Kind::Advised
    }

    /// Size of its pages in bytes, if they are hugetlb ones.
    pub fn hugetlb_unit(&self) -> Option<usize> {
        self.is_hugetlb().then_some(self.unit)
    }

    /// Length of a mapping, or of a file, for so many bytes: only whole hugetlb pages
    /// can be mapped and unmapped.
    pub(crate) fn rounded(&self, len: usize) -> usize {
        match self.kind {
            Kind::Hugetlb | Kind::Found => len.checked_next_multiple_of(self.unit).unwrap_or(len),
            _ => len,
        }
    }

    /// Size of a huge page in bytes; 1 where there are none.
    pub(crate) fn unit(&self) -> usize {
        self.unit
    }

    /// Makes a segment in the pages of this plan; where other processes have
    /// taken the hugetlb pages meanwhile, in the next best.
    ///
    /// # Errors
    /// Those of `make`, which is not called again where `fill` is used up, nor where what it was to
    /// write is wrong.
    pub fn carry_out<T>(
        &self,
        mut fill: Option<Fill<'_>>,
        make: impl Fn(&Self, Option<Fill<'_>>) -> Result<T>,
    ) -> Result<T> {
        match make(self, fill.as_mut().map(Fill::reborrow)) {
            Err(error) if self.is_hugetlb() && is_refusal(&error) && !is_used_up(fill.as_ref()) => {
                tracing::debug!(%error, "no hugetlb pages");
                let next_best = as_allowed(Home::Kernel, self.unit, &os::Machine);
                next_best.tell();
                make(&next_best, fill)
            }
            made => made,
        }
    }

    fn tell(&self) {
        let reason = self.reason;
        if self.is_huge() {
            tracing::debug!(page = self.unit, reason, "huge pages");
        } else {
            tracing::warn!(reason, "ordinary pages, though huge ones were asked for");
        }
    }
}

/// Whether the system has refused something: other pages may do.
fn is_refusal(error: &Error) -> bool {
    use ErrorKind::{BackendRefused, LimitReached, NoSpace, Os};
    matches!(error.kind(), NoSpace { .. } | LimitReached { .. } | BackendRefused { .. } | Os { .. })
}

fn is_used_up(fill: Option<&Fill<'_>>) -> bool {
    fill.is_some_and(Fill::is_used_up)
}

/// Why a segment gets ordinary pages on every machine.
fn out_of_question(wanted: Pages, len: u64, whole: bool) -> Option<&'static str> {
    match wanted {
        Pages::Huge => None,
        Pages::Auto if !whole => Some("not asked for, and not all of it is written at once"),
        Pages::Auto if len < Pages::WHOLE => Some("not asked for, and it is small"),
        Pages::Auto => None,
    }
}

/// The decision, from what the system says. It is asked only what matters.
fn decide(
    wanted: Pages,
    home: Home,
    len: u64,
    size: Option<usize>,
    system: &impl HugeSystem,
) -> PagePlan {
    let Some(unit) = size else {
        return PagePlan::ordinary("the kernel has no huge pages");
    };
    if len < unit as u64 {
        return PagePlan::ordinary("it is smaller than a huge page");
    }
    let takes_hugetlb = wanted == Pages::Huge && home == Home::Kernel;
    if takes_hugetlb && len.div_ceil(unit as u64) <= system.free_pages(unit) {
        let reason = "enough hugetlb pages are free";
        return PagePlan { kind: Kind::Hugetlb, unit, reason };
    }
    as_allowed(home, unit, system)
}

/// What the system allows to all.
fn as_allowed(home: Home, unit: usize, system: &impl HugeSystem) -> PagePlan {
    let plan = |kind, reason| PagePlan { kind, unit, reason };
    match (system.ruling(home, unit), home) {
        (Setting::Always | Setting::WithinSize | Setting::Force, _) => {
            plan(Kind::Allowed, "the system gives them to all shared memory")
        }
        (Setting::Advise, _) => {
            plan(Kind::Advised, "the system gives them where they are asked for")
        }
        (Setting::Deny, _) => PagePlan::ordinary("shmem_enabled is deny"),
        (Setting::Never, Home::Kernel) => {
            PagePlan::ordinary("shmem_enabled is never, and too few hugetlb pages are free")
        }
        (Setting::Never, Home::Mount) => {
            PagePlan::ordinary("/dev/shm is mounted without huge=advise, within_size or always")
        }
        (Setting::Unknown, _) => PagePlan::ordinary("what the system allows cannot be read"),
    }
}
