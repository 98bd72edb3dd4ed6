//! The decision over all settings.

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
const LEN: u64 = 64 << 20;

fn facts(shmem: Setting, mount: Setting, free: u64) -> HugeFacts {
    HugeFacts { size: Some(UNIT), shmem, mount, free }
}

fn allows(setting: Setting) -> Kind {
    match setting {
        Setting::Always | Setting::WithinSize | Setting::Force => Kind::Allowed,
        Setting::Advise => Kind::Advised,
        _ => Kind::Ordinary,
    }
}

#[test]
fn each_home_follows_its_own_setting() {
    for shmem in SETTINGS {
        for mount in SETTINGS {
            for wanted in [Pages::Auto, Pages::Huge] {
                let facts = facts(shmem, mount, 0);
                let plan = decide(wanted, Home::Kernel, LEN, &facts);
                assert_eq!(plan.kind, allows(shmem), "{facts:?}");
                let ruling = match shmem {
                    Setting::Deny | Setting::Force => shmem,
                    _ => mount,
                };
                let plan = decide(wanted, Home::Mount, LEN, &facts);
                assert_eq!(plan.kind, allows(ruling), "{facts:?}");
                assert_eq!(plan.paging().huge, plan.is_huge().then_some(UNIT));
                assert!(!plan.reason.is_empty());
            }
        }
    }
}

#[test]
fn pages_set_aside_are_taken_only_if_asked_for_and_enough() {
    for shmem in SETTINGS {
        let enough = facts(shmem, Setting::Always, LEN / UNIT as u64);
        let plan = decide(Pages::Huge, Home::Kernel, LEN, &enough);
        assert!(plan.is_reserved(), "{shmem:?}");
        assert!(!decide(Pages::Huge, Home::Mount, LEN, &enough).is_reserved());
        assert!(!decide(Pages::Auto, Home::Kernel, LEN, &enough).is_reserved());
        // The last page counts as a whole.
        assert!(!decide(Pages::Huge, Home::Kernel, LEN + 1, &enough).is_reserved());
    }
}

#[test]
fn what_is_small_sparse_or_without_huge_pages_is_ordinary() {
    let all = facts(Setting::Always, Setting::Always, 1000);
    for home in [Home::Kernel, Home::Mount] {
        assert!(!decide(Pages::Huge, home, UNIT as u64 - 1, &all).is_huge());
        assert!(decide(Pages::Huge, home, UNIT as u64, &all).is_huge());
        assert!(!decide(Pages::Huge, home, LEN, &HugeFacts { size: None, ..all }).is_huge());
    }
    assert!(out_of_question(Pages::Auto, LEN, false).is_some());
    assert!(out_of_question(Pages::Auto, Pages::WHOLE - 1, true).is_some());
    assert!(out_of_question(Pages::Auto, Pages::WHOLE, true).is_none());
    assert!(out_of_question(Pages::Huge, 1, false).is_none());
}
