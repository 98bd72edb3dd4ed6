//! Every branch of the choice, on machines that are made up.

mod properties;

use super::*;
use shm_map::{Cgroup, CgroupVersion};

use crate::settings::Preference;
use crate::space::Space;
use BackendKind::{Memfd, Mmap, Shm};
use Workers::{Forked, Spawned, Unknown};

const MIB: u64 = 1 << 20;

fn limited(free: u64) -> Space {
    Space::Limited { free, total: 128 * MIB }
}

/// A Linux on which everything works, with so much space in `/dev/shm`.
fn machine(shm: Space) -> Facts {
    Facts {
        os: "linux",
        backends: BackendKind::ALL.map(|backend| (backend, Availability::Works)).to_vec(),
        refused_to_make: Vec::new(),
        shm,
        shm_now: shm,
        overcommit: Some(0),
        cgroup: None,
    }
}

fn with(mut facts: Facts, backend: BackendKind, availability: Availability) -> Facts {
    facts.backends.retain(|(listed, _)| *listed != backend);
    facts.backends.push((backend, availability));
    facts
}

fn refused(reason: &str) -> Availability {
    Availability::Refused(reason.into())
}

fn workers(workers: Workers) -> Needs {
    Needs { workers, ..Needs::default() }
}

fn automatic(facts: &Facts, needs: &Needs) -> Result<BackendKind> {
    choose(facts, &Settings::default(), needs).map(|selection| selection.chosen)
}

#[test]
fn the_automatic_order() {
    let full = || machine(limited(0));
    let no_memfd = || with(full(), Memfd, refused("seccomp"));
    let table = [
        // Strictly more than the minimum, or no limit at all.
        (machine(limited(64 * MIB + 1)), [Shm, Shm, Shm]),
        (machine(limited(64 * MIB)), [Memfd, Mmap, Memfd]),
        (machine(Space::Unlimited), [Shm, Shm, Shm]),
        (machine(Space::Unmeasured), [Shm, Shm, Shm]),
        (full(), [Memfd, Mmap, Memfd]),
        // What is refused or not compiled in is passed over.
        (with(machine(Space::Unmeasured), Shm, refused("no /dev/shm")), [Memfd, Mmap, Memfd]),
        (with(full(), Mmap, Availability::NotCompiled), [Memfd, Memfd, Memfd]),
    ];
    for (facts, expected) in table {
        for (one, expected) in [Unknown, Forked, Spawned].into_iter().zip(expected) {
            assert_eq!(automatic(&facts, &workers(one)).unwrap(), expected, "{one} on {facts}");
        }
    }
    assert_eq!(automatic(&no_memfd(), &workers(Unknown)).unwrap(), Mmap);
    assert_eq!(automatic(&no_memfd(), &workers(Forked)).unwrap(), Mmap);
}

#[test]
fn windows_has_shm() {
    let mut facts = machine(Space::Unmeasured);
    facts.os = "windows";
    let facts = with(facts, Mmap, refused("windows has no fork"));
    let facts = with(facts, Memfd, refused("windows has no memfd_create"));
    for one in [Unknown, Forked, Spawned] {
        assert_eq!(automatic(&facts, &workers(one)).unwrap(), Shm);
    }
}

#[test]
fn mmap_as_the_last_resort_is_a_warning() {
    let facts = with(machine(limited(0)), Memfd, refused("seccomp"));
    let warning = |needs| choose(&facts, &Settings::default(), &needs).unwrap().warning();
    assert!(warning(workers(Unknown)).is_some());
    assert!(warning(workers(Forked)).is_none());
    let named = Needs { backend: Some(Mmap), ..Needs::default() };
    assert!(warning(named).is_none());
}

#[test]
fn the_minimum_can_be_set() {
    let settings = |shm_min_free| Settings { shm_min_free, ..Settings::default() };
    let chosen = |free, minimum| {
        let facts = machine(limited(free));
        choose(&facts, &settings(minimum), &Needs::default()).unwrap().chosen
    };
    assert_eq!(chosen(1, 0), Shm);
    assert_eq!(chosen(0, 0), Memfd);
    assert_eq!(chosen(u64::MAX, u64::MAX), Memfd);
    assert_eq!(chosen(u64::MAX, u64::MAX - 1), Shm);
}

#[test]
fn an_array_that_does_not_fit_falls_for_itself_alone() {
    let facts = machine(limited(100 * MIB));
    let bytes = |bytes| Needs { bytes: Some(bytes), ..Needs::default() };
    let select = |needs| choose(&facts, &Settings::default(), &needs).unwrap();
    assert_eq!(select(bytes(100 * MIB)).chosen, Shm);
    let fallen = select(bytes(100 * MIB + 1));
    assert_eq!(fallen.chosen, Memfd);
    let from = fallen.fell_from().unwrap();
    assert_eq!(
        from.to_string(),
        "shm: /dev/shm has 104857600 bytes free; this array needs 104857601"
    );
    assert!(
        fallen
            .to_string()
            .starts_with("memfd, chosen automatically for unknown workers, for this array alone")
    );
    assert_eq!(select(Needs::default()).fell_from(), None);
}

#[test]
fn the_process_keeps_its_choice_whatever_is_free_now() {
    // Resolved when there was space; now there is little, but enough for the array.
    let mut facts = machine(limited(100 * MIB));
    facts.shm_now = limited(MIB);
    let needs = Needs { bytes: Some(MIB), ..Needs::default() };
    assert_eq!(automatic(&facts, &needs).unwrap(), Shm);
    // Resolved when there was none: it stays with memfd, and nobody fell.
    let mut facts = machine(limited(MIB));
    facts.shm_now = limited(100 * MIB);
    let selection = choose(&facts, &Settings::default(), &needs).unwrap();
    assert_eq!(selection.chosen, Memfd);
    assert_eq!(selection.fell_from(), None);
}

#[test]
fn precedence_is_array_then_environment_then_process() {
    let facts = machine(Space::Unlimited);
    let chosen = |named, environment, set| {
        let settings = Settings { environment, set, ..Settings::default() };
        let needs = Needs { backend: named, ..Needs::default() };
        let selection = choose(&facts, &settings, &needs).unwrap();
        (selection.chosen, selection.source)
    };
    let environment = Some(Preference::Backend(Memfd));
    assert_eq!(chosen(Some(Shm), environment, Some(Mmap)), (Shm, SelectedBy::Named));
    assert_eq!(chosen(None, environment, Some(Mmap)), (Memfd, SelectedBy::Environment));
    assert_eq!(chosen(None, None, Some(Mmap)), (Mmap, SelectedBy::Set));
    assert_eq!(chosen(None, Some(Preference::Automatic), Some(Mmap)), (Shm, SelectedBy::Automatic));
    assert_eq!(chosen(None, None, None), (Shm, SelectedBy::Automatic));
}

#[test]
fn what_is_asked_for_is_given_however_little_is_free() {
    let facts = machine(limited(0));
    let needs = Needs { backend: Some(Shm), bytes: Some(MIB), ..Needs::default() };
    let selection = choose(&facts, &Settings::default(), &needs).unwrap();
    assert_eq!(selection.chosen, Shm);
    assert_eq!(selection.fell_from(), None);
}

#[test]
fn what_is_asked_for_and_cannot_be_had_is_an_error() {
    let named = |backend, workers| Needs { backend: Some(backend), workers, ..Needs::default() };
    let facts = with(machine(Space::Unlimited), Shm, Availability::NotCompiled);
    let facts = with(facts, Memfd, refused("memfd_create: Operation not permitted"));
    let error = |needs| choose(&facts, &Settings::default(), &needs).unwrap_err();
    assert_eq!(
        error(named(Shm, Unknown)).to_string(),
        "backend shm is not compiled in: enable the feature `shm` of shmarray"
    );
    assert_eq!(
        error(named(Memfd, Unknown)).to_string(),
        "backend memfd does not work here: memfd_create: Operation not permitted"
    );
    assert_eq!(
        error(named(Mmap, Spawned)).to_string(),
        "sharing with spawned workers is not possible on backend mmap: an anonymous mapping \
         reaches forked descendants only; use shm or memfd"
    );
}

#[test]
fn nothing_left_explains_each_candidate() {
    let facts = with(machine(limited(4096)), Memfd, refused("ENOSYS"));
    let error = automatic(&facts, &workers(Spawned)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::BackendRefused { backend: Shm, .. }));
    assert_eq!(
        error.to_string(),
        "backend shm does not work here: /dev/shm had 4096 bytes free; more than 67108864 are \
         asked for (SHMARRAY_SHM_MIN_FREE); nor does memfd: ENOSYS; nor does mmap: reaches forked \
         descendants only, and the workers are spawned"
    );
}

#[test]
fn nothing_left_for_want_of_space_is_no_space() {
    let facts = with(machine(limited(100 * MIB)), Memfd, Availability::NotCompiled);
    let needs = Needs { bytes: Some(200 * MIB), ..workers(Spawned) };
    let error = automatic(&facts, &needs).unwrap_err();
    let ErrorKind::NoSpace { needs, has, .. } = error.kind() else {
        panic!("{error}");
    };
    assert_eq!((*needs, *has), (200 * MIB, Some(100 * MIB)));
}

#[test]
fn an_explanation_has_every_candidate_and_the_figures() {
    let mut facts = with(machine(limited(MIB)), Memfd, refused("memfd_create: denied"));
    facts.cgroup = Some(Cgroup {
        version: CgroupVersion::V2,
        limit: Some(1000),
        usage: Some(10),
        unreclaimable: 5,
        swap: 0,
    });
    let selection = choose(&facts, &Settings::default(), &Needs::default()).unwrap();
    assert_eq!(
        selection.to_string(),
        "mmap, chosen automatically for unknown workers\n  \
         shm: /dev/shm had 1048576 bytes free; more than 67108864 are asked for \
         (SHMARRAY_SHM_MIN_FREE)\n  \
         memfd: memfd_create: denied\n  \
         mmap: taken\n  \
         warning: mmap reaches forked descendants only, and it is not known that the workers are \
         forked\n  \
         (linux; /dev/shm has 1048576 of 134217728 bytes free; cgroup v2 memory: 10 bytes used, \
         limit 1000; vm.overcommit_memory is 0)"
    );
}

/// The error of a `/dev/shm` in which others took the space.
fn full(free: u64) -> Error {
    ErrorKind::NoSpace { needs: 4096, has: Some(free), place: shm_map::FILE_SYSTEM.into() }.into()
}

/// The error of a sandbox that forbids `/dev/shm`.
fn forbidden() -> Error {
    ErrorKind::BackendRefused { backend: Shm, reason: "open: Permission denied".into() }.into()
}

fn exists() -> Error {
    ErrorKind::AlreadyExists { name: "a".into(), backend: Shm }.into()
}

fn chosen(facts: &Facts, needs: Needs) -> Selection {
    choose(facts, &Settings::default(), &needs).unwrap()
}

#[test]
fn after_a_refusal_the_next_of_the_order_is_taken() {
    let roomy = machine(Space::Unlimited);
    for (one, expected) in [(Unknown, [Memfd, Mmap]), (Forked, [Mmap, Memfd])] {
        let first = chosen(&roomy, workers(one)).refused(forbidden()).unwrap();
        assert_eq!(first.chosen, expected[0]);
        assert_eq!(first.fell_from(), None, "it counts for every array");
        let second = first.refused(full(0)).unwrap();
        assert_eq!(second.chosen, expected[1]);
        let error = second.refused(full(7)).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NoSpace { has: Some(7), .. }), "{error}");
    }
}

#[test]
fn a_refusal_never_leads_spawned_workers_to_mmap() {
    let first = chosen(&machine(Space::Unlimited), workers(Spawned)).refused(forbidden()).unwrap();
    assert_eq!(first.chosen, Memfd);
    let denied = Error::os("memfd_create", "a", std::io::ErrorKind::PermissionDenied.into());
    let error = first.refused(denied).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Os { call: "memfd_create", .. }), "{error}");
}

#[test]
fn what_was_asked_for_does_not_fall() {
    let roomy = machine(Space::Unlimited);
    let named = Needs { backend: Some(Shm), ..Needs::default() };
    let error = chosen(&roomy, named).refused(forbidden()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::BackendRefused { .. }), "{error}");
    let set = Settings { set: Some(Shm), ..Settings::default() };
    let environment =
        Settings { environment: Some(Preference::Backend(Shm)), ..Settings::default() };
    for settings in [set, environment] {
        let selection = choose(&roomy, &settings, &Needs::default()).unwrap();
        assert!(selection.refused(full(0)).is_err());
    }
}

#[test]
fn what_is_not_the_system_s_refusal_does_not_fall() {
    let error = chosen(&machine(Space::Unlimited), Needs::default()).refused(exists()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::AlreadyExists { .. }), "{error}");
}

#[test]
fn a_refusal_is_told_with_its_reason() {
    let needs = Needs { bytes: Some(4096), ..Needs::default() };
    let selection = || chosen(&machine(Space::Unlimited), needs);
    let told = |error| selection().refused(error).unwrap().to_string();
    let forbidden = told(forbidden());
    assert!(
        forbidden.starts_with("memfd, chosen automatically for unknown workers\n"),
        "{forbidden}"
    );
    assert!(
        forbidden.contains(
            "shm: the system refused to make an array: backend shm does not work here: open: \
             Permission denied"
        ),
        "{forbidden}"
    );
    let full_now = told(full(5));
    assert!(
        full_now.contains(
            "for this array alone\n  shm: /dev/shm has 5 bytes free; this array needs 4096"
        ),
        "{full_now}"
    );
    // A quota: the error says no space, its figures say that there is enough.
    let quota = told(full(1 << 40));
    assert!(quota.contains("for this array alone"), "{quota}");
    assert!(quota.contains("shm: the system refused to make this array: no space"), "{quota}");
}

#[test]
fn a_backend_that_refused_is_passed_over_unless_asked_for() {
    let mut facts = machine(Space::Unlimited);
    facts.refused_to_make.push((Shm, "Landlock".into()));
    for (one, expected) in [(Unknown, Memfd), (Forked, Mmap), (Spawned, Memfd)] {
        assert_eq!(automatic(&facts, &workers(one)).unwrap(), expected);
    }
    let asked = Needs { backend: Some(Shm), ..Needs::default() };
    assert_eq!(chosen(&facts, asked).chosen, Shm);
    facts.refused_to_make.push((Memfd, "seccomp".into()));
    let error = automatic(&facts, &workers(Spawned)).unwrap_err().to_string();
    assert!(error.contains("Landlock") && error.contains("seccomp"), "{error}");
}

#[test]
fn a_name_that_is_a_promise_gets_a_backend_with_names() {
    let named = |one| Needs { named: true, bytes: Some(MIB), ..workers(one) };
    let roomy = machine(limited(100 * MIB));
    let small = machine(limited(64 * MIB));
    for one in [Unknown, Forked, Spawned] {
        assert_eq!(chosen(&roomy, named(one)).chosen, Shm);
    }
    assert_eq!(chosen(&small, named(Forked)).chosen, Mmap);
    for one in [Unknown, Spawned] {
        let error = automatic(&small, &named(one)).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error.kind(), ErrorKind::NoNames { .. }), "{text}");
        for part in ["67108864 bytes free", "memfd: these workers cannot", "a label only"] {
            assert!(text.contains(part), "{text}");
        }
    }
    // Asked for, it is given.
    let memfd = Needs { backend: Some(Memfd), ..named(Spawned) };
    assert_eq!(chosen(&small, memfd).chosen, Memfd);
}

#[test]
fn a_name_that_is_a_promise_does_not_fall_to_where_it_cannot_be_found() {
    let needs = |one, bytes| Needs { named: true, bytes: Some(bytes), ..workers(one) };
    let roomy = machine(limited(100 * MIB));
    // Too large from the start, and too large by the time it is made.
    let error = automatic(&roomy, &needs(Unknown, 200 * MIB)).unwrap_err().to_string();
    assert!(error.contains("104857600 bytes free; this array needs 209715200"), "{error}");
    let error = chosen(&roomy, needs(Unknown, MIB)).refused(full(5)).unwrap_err().to_string();
    assert!(error.contains("5 bytes free; this array needs 1048576"), "{error}");
    assert!(error.contains("a label only"), "{error}");
    assert_eq!(chosen(&roomy, needs(Forked, MIB)).refused(full(5)).unwrap().chosen, Mmap);
    // Nothing else is there anyway: it is the space, not the names.
    let alone =
        with(with(roomy, Memfd, Availability::NotCompiled), Mmap, Availability::NotCompiled);
    let error = chosen(&alone, needs(Unknown, MIB)).refused(full(5)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NoSpace { has: Some(5), .. }), "{error}");
}
