//! Huge pages: whether large arrays get them here, and the line that turns them on.

use shm_map::{HugeFacts, Setting};

use crate::finding::Finding;

const GROUP: &str = "huge pages";

const SHMEM: &str = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";

const ADVISED: &str = "for what is written when it is made, and where Pages::Huge asks";

pub(super) fn findings() -> Vec<Finding> {
    let facts = HugeFacts::read();
    vec![of_memfd(&facts), of_shm(&facts), pool(&facts)]
}

/// For memory that is on no file system of its own.
fn of_memfd(facts: &HugeFacts) -> Finding {
    let what = "memfd, mmap (shmem_enabled)";
    let found = Finding::new(GROUP, what, facts.shmem.word());
    match facts.shmem {
        Setting::Unknown => Finding::unknown(GROUP, what),
        Setting::Always | Setting::WithinSize | Setting::Force => found,
        Setting::Advise => Finding { found: format!("advise: {ADVISED}"), ..found },
        Setting::Never | Setting::Deny => found.advice(format!("turn on: echo advise > {SHMEM}")),
    }
}

fn of_shm(facts: &HugeFacts) -> Finding {
    let what = "shm (huge= of /dev/shm)";
    let found = Finding::new(GROUP, what, facts.mount.word());
    match (facts.mount, facts.shmem) {
        (Setting::Unknown, _) => Finding::unknown(GROUP, what),
        (_, Setting::Deny) => {
            found.advice(format!("forbidden by shmem_enabled; allow: echo never > {SHMEM}"))
        }
        (_, Setting::Force) | (Setting::Always | Setting::WithinSize, _) => found,
        (Setting::Advise, _) => Finding { found: format!("advise: {ADVISED}"), ..found },
        _ => found.advice("turn on: mount -o remount,huge=advise /dev/shm"),
    }
}

/// The pages of the pool (hugetlb), which arrays take that ask for them.
fn pool(facts: &HugeFacts) -> Finding {
    let what = "pool (hugetlb), for Pages::Huge on memfd and mmap";
    let Some(size) = facts.size else {
        return Finding::unknown(GROUP, what);
    };
    let found = format!("{} of {} free", facts.free, crate::units::bytes(size as u64));
    let found = Finding::new(GROUP, what, found).number(Some(facts.free));
    match facts.free {
        0 => {
            Finding { advice: Some("fill with 1 GiB: sysctl vm.nr_hugepages=512".into()), ..found }
        }
        _ => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(shmem: Setting, mount: Setting) -> HugeFacts {
        HugeFacts { size: Some(2 << 20), shmem, mount, free: 0 }
    }

    #[test]
    fn what_turns_them_on_is_said() {
        let advice = |found: Finding| found.advice.unwrap_or_default();
        let memfd = |shmem| advice(of_memfd(&facts(shmem, Setting::Never)));
        assert_eq!(memfd(Setting::Never), format!("turn on: echo advise > {SHMEM}"));
        assert_eq!(memfd(Setting::WithinSize) + &memfd(Setting::Advise), "");
        let shm = |mount, shmem| advice(of_shm(&facts(shmem, mount)));
        assert!(shm(Setting::Never, Setting::Never).contains("remount,huge=advise"));
        assert!(shm(Setting::Always, Setting::Deny).contains("forbidden"));
        assert_eq!(shm(Setting::WithinSize, Setting::Never), "");
        assert_eq!(of_shm(&facts(Setting::Never, Setting::Unknown)).found, "unknown");
        assert!(advice(pool(&facts(Setting::Never, Setting::Never))).contains("nr_hugepages"));
        let some = HugeFacts { free: 7, ..facts(Setting::Never, Setting::Never) };
        assert_eq!((advice(pool(&some)), pool(&some).number), (String::new(), Some(7)));
    }
}
