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

/// A machine with that setting for all memory, and so many free hugetlb pages.
struct Fake {
    ruling: Setting,
    free: u64,
    asked: RefCell<Vec<&'static str>>,
}

impl HugeSystem for Fake {
    fn ruling(&self, _: Home, unit: usize) -> Setting {
        assert_eq!(unit, UNIT);
        self.asked.borrow_mut().push("ruling");
        self.ruling
    }

    fn free_pages(&self, unit: usize) -> u64 {
        assert_eq!(unit, UNIT);
        self.asked.borrow_mut().push("free");
        self.free
    }
}

fn machine(ruling: Setting, free: u64) -> Fake {
    Fake { ruling, free, asked: RefCell::default() }
}

fn decide(wanted: Pages, home: Home, len: u64, system: &Fake) -> PagePlan {
    super::decide(wanted, home, len, Some(UNIT), system)
}

fn allows(setting: Setting) -> Kind {
    match setting {
        Setting::Always | Setting::WithinSize | Setting::Force => Kind::Allowed,
        Setting::Advise => Kind::Advised,
        _ => Kind::Ordinary,
    }
}

#[test]
fn each_home_follows_its_setting() {
    for ruling in SETTINGS {
        for home in [Home::Kernel, Home::Mount] {
            for wanted in [Pages::Auto, Pages::Huge] {
                let plan = decide(wanted, home, LEN, &machine(ruling, 0));
                assert_eq!(plan.kind, allows(ruling), "{ruling:?}, {home:?}");
                assert_eq!(plan.paging().huge, plan.is_huge().then_some(UNIT));
                assert!(!plan.reason.is_empty());
            }
        }
    }
}

#[test]
fn hugetlb_pages_are_taken_only_if_asked_for_and_enough() {
    for shmem in SETTINGS {
        let enough = machine(shmem, LEN / UNIT as u64);
        let plan = decide(Pages::Huge, Home::Kernel, LEN, &enough);
        assert!(plan.is_hugetlb(), "{shmem:?}");
        assert_eq!(plan.hugetlb_unit(), Some(UNIT));
        assert!(!decide(Pages::Huge, Home::Mount, LEN, &enough).is_hugetlb());
        assert!(!decide(Pages::Auto, Home::Kernel, LEN, &enough).is_hugetlb());
        // The last page counts as a whole.
        assert!(!decide(Pages::Huge, Home::Kernel, LEN + 1, &enough).is_hugetlb());
    }
}

#[test]
fn what_is_small_sparse_or_without_huge_pages_is_ordinary() {
    let all = machine(Setting::Always, 1000);
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
fn the_system_is_asked_only_what_matters() {
    let asked = |wanted, home, free| {
        let system = machine(Setting::Never, free);
        decide(wanted, home, LEN, &system);
        system.asked.into_inner()
    };
    let enough = LEN / UNIT as u64;
    assert_eq!(asked(Pages::Auto, Home::Kernel, enough), ["ruling"]);
    assert_eq!(asked(Pages::Huge, Home::Kernel, enough), ["free"]);
    assert_eq!(asked(Pages::Huge, Home::Kernel, 0), ["free", "ruling"]);
    for wanted in [Pages::Auto, Pages::Huge] {
        assert_eq!(asked(wanted, Home::Mount, enough), ["ruling"]);
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
fn without_hugetlb_pages_the_next_best_is_tried_unless_the_contents_are_used_up() {
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
