//! The decision over all settings.

use std::cell::{Cell, RefCell};

use shm_core::{ErrorKind, Sink};

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

fn decide(wanted: Pages, home: Home, len: u64, read: &impl Fn(&str) -> String) -> PagePlan {
    super::decide(wanted, home, len, Some(UNIT), read)
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
                let read = machine(shmem, mount, 0);
                let plan = decide(wanted, Home::Kernel, LEN, &read);
                assert_eq!(plan.kind, allows(shmem), "{shmem:?}, {mount:?}");
                let ruling = match shmem {
                    Setting::Deny | Setting::Force => shmem,
                    _ => mount,
                };
                let plan = decide(wanted, Home::Mount, LEN, &read);
                assert_eq!(plan.kind, allows(ruling), "{shmem:?}, {mount:?}");
                assert_eq!(plan.paging().huge, plan.is_huge().then_some(UNIT));
                assert!(!plan.reason.is_empty());
            }
        }
    }
}

#[test]
fn pages_of_the_pool_are_taken_only_if_asked_for_and_enough() {
    for shmem in SETTINGS {
        let enough = machine(shmem, Setting::Always, LEN / UNIT as u64);
        let plan = decide(Pages::Huge, Home::Kernel, LEN, &enough);
        assert!(plan.is_hugetlb(), "{shmem:?}");
        assert!(!decide(Pages::Huge, Home::Mount, LEN, &enough).is_hugetlb());
        assert!(!decide(Pages::Auto, Home::Kernel, LEN, &enough).is_hugetlb());
        // The last page counts as a whole.
        assert!(!decide(Pages::Huge, Home::Kernel, LEN + 1, &enough).is_hugetlb());
    }
}

#[test]
fn what_is_small_sparse_or_without_huge_pages_is_ordinary() {
    let all = machine(Setting::Always, Setting::Always, 1000);
    for home in [Home::Kernel, Home::Mount] {
        assert!(!decide(Pages::Huge, home, UNIT as u64 - 1, &all).is_huge());
        assert!(decide(Pages::Huge, home, UNIT as u64, &all).is_huge());
        assert!(!super::decide(Pages::Huge, home, LEN, None, &all).is_huge());
    }
    assert!(out_of_question(Pages::Auto, LEN, false).is_some());
    assert!(out_of_question(Pages::Auto, Pages::WHOLE - 1, true).is_some());
    assert!(out_of_question(Pages::Auto, Pages::WHOLE, true).is_none());
    assert!(out_of_question(Pages::Huge, 1, false).is_none());
}

#[test]
fn a_size_of_its_own_rules_unless_all_are_forbidden_or_forced() {
    for shmem in SETTINGS {
        let others = machine(shmem, Setting::Never, 0);
        let read = |path: &str| match path.ends_with("kB/shmem_enabled") {
            true => "always inherit [advise] never\n".into(),
            false => others(path),
        };
        let is_above = matches!(shmem, Setting::Deny | Setting::Force);
        let ruling = if is_above { shmem } else { Setting::Advise };
        assert_eq!(decide(Pages::Auto, Home::Kernel, LEN, &read).kind, allows(ruling), "{shmem:?}");
    }
}

#[test]
fn only_what_matters_is_read() {
    let machine = machine(Setting::Never, Setting::Always, LEN / UNIT as u64);
    let reads = |wanted, home| {
        let paths = RefCell::new(Vec::new());
        decide(wanted, home, LEN, &|path: &str| {
            paths.borrow_mut().push(path.rsplit('/').next().unwrap().to_owned());
            machine(path)
        });
        paths.into_inner()
    };
    assert_eq!(reads(Pages::Auto, Home::Kernel), ["shmem_enabled", "shmem_enabled"]);
    assert_eq!(reads(Pages::Huge, Home::Kernel), ["free_hugepages", "resv_hugepages"]);
    for wanted in [Pages::Auto, Pages::Huge] {
        assert_eq!(reads(wanted, Home::Mount), ["shmem_enabled", "mountinfo"]);
    }
}

/// Which attempts are made where no hugetlb page is free; the second says that it works.
fn attempts(fill: Option<Fill<'_>>, is_begun: bool) -> Vec<Kind> {
    let kinds = RefCell::new(Vec::new());
    let hugetlb = PagePlan { kind: Kind::Hugetlb, unit: UNIT, reason: "for the test" };
    let made = hugetlb.carry_out(fill, |plan, fill| {
        kinds.borrow_mut().push(plan.kind);
        if let Some(Fill::InOrderOnce(_, begun)) = fill {
            begun.set(is_begun);
        }
        let place = String::new();
        let empty = ErrorKind::NoSpace { needs: LEN, has: None, place }.into();
        if plan.is_hugetlb() { Err(empty) } else { Ok(()) }
    });
    let kinds = kinds.into_inner();
    assert_eq!(made.is_ok(), kinds.len() == 2);
    kinds
}

#[test]
fn contents_that_are_wrong_are_not_read_again() {
    let hugetlb = PagePlan { kind: Kind::Hugetlb, unit: UNIT, reason: "for the test" };
    let calls = Cell::new(0);
    let made = hugetlb.carry_out(None, |_, _| -> Result<()> {
        calls.set(calls.get() + 1);
        Err(ErrorKind::Corrupt { what: "file", reason: "for the test".into() }.into())
    });
    assert!(made.is_err() && calls.get() == 1);
}

#[test]
fn where_the_pool_is_empty_the_next_best_is_tried_unless_the_contents_are_used_up() {
    let begun = Cell::new(false);
    let mut fill = |_: &mut dyn Sink| Ok(());
    for kinds in [
        attempts(None, false),
        attempts(Some(Fill::InOrder(&mut fill)), false),
        attempts(Some(Fill::InOrderOnce(&mut fill, &begun)), false),
    ] {
        assert_eq!(kinds.len(), 2);
        assert!(kinds[0] == Kind::Hugetlb && kinds[1] != Kind::Hugetlb, "{kinds:?}");
    }
    assert_eq!(attempts(Some(Fill::InOrderOnce(&mut fill, &begun)), true), [Kind::Hugetlb]);
}
