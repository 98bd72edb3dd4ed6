//! What holds for every choice, whatever the machine, the settings and the needs.

use proptest::prelude::*;

use super::*;

fn any_backend() -> impl Strategy<Value = BackendKind> {
    prop::sample::select(BackendKind::ALL.to_vec())
}

prop_compose! {
    fn any_availability()(which in 0..3) -> Availability {
        match which {
            0 => Availability::Works,
            1 => Availability::NotCompiled,
            _ => refused("a reason"),
        }
    }
}

fn any_space() -> impl Strategy<Value = Space> {
    prop_oneof![
        any::<u64>().prop_map(limited),
        (0..200 * MIB).prop_map(limited),
        Just(Space::Unlimited),
        Just(Space::Unmeasured),
    ]
}

prop_compose! {
    fn any_facts()(
        backends in prop::array::uniform3(any_availability()),
        shm in any_space(),
        shm_now in any_space(),
    ) -> Facts {
        Facts {
            backends: BackendKind::ALL.into_iter().zip(backends).collect(),
            shm_now,
            ..machine(shm)
        }
    }
}

prop_compose! {
    fn any_settings()(
        environment in prop::option::of(prop_oneof![
            Just(Preference::Automatic),
            any_backend().prop_map(Preference::Backend),
        ]),
        set in prop::option::of(any_backend()),
        shm_min_free in any::<u64>(),
    ) -> Settings {
        Settings { environment, set, shm_min_free }
    }
}

prop_compose! {
    fn any_needs()(
        backend in prop::option::of(any_backend()),
        bytes in prop::option::of(any::<u64>()),
        workers in prop::sample::select(vec![Unknown, Forked, Spawned]),
        named in any::<bool>(),
    ) -> Needs {
        Needs { backend, bytes, workers, named }
    }
}

proptest! {
    #[test]
    fn whatever_the_machine(
        facts in any_facts(),
        settings in any_settings(),
        needs in any_needs(),
    ) {
        let asked = needs.backend.or(settings.explicit().map(|(backend, _)| backend));
        match choose(&facts, &settings, &needs) {
            Ok(selection) => {
                let chosen = selection.chosen;
                prop_assert!(asked.is_none_or(|asked| asked == chosen));
                prop_assert!(needs.workers != Spawned || chosen != Mmap);
                prop_assert_eq!(facts.availability(chosen), &Availability::Works);
                let taken = selection.candidates.iter().filter(|one| one.verdict == Verdict::Taken);
                prop_assert_eq!(taken.map(|one| one.backend).collect::<Vec<_>>(), [chosen]);
                let mut listed: Vec<_> =
                    selection.candidates.iter().map(|one| one.backend).collect();
                listed.sort();
                prop_assert_eq!(listed, BackendKind::ALL);
                let may_lack_names = |backend| match backend {
                    Memfd => !needs.named,
                    Mmap => !needs.named || needs.workers == Forked,
                    Shm => true,
                    _ => false,
                };
                let automatic = selection.source == SelectedBy::Automatic;
                prop_assert!(!automatic || may_lack_names(chosen));
                if let Ok(next) = selection.clone().refused(full(5)) {
                    prop_assert!(automatic);
                    prop_assert!(may_lack_names(next.chosen));
                    prop_assert!(next.chosen != chosen);
                    prop_assert!(needs.workers != Spawned || next.chosen != Mmap);
                    prop_assert_eq!(facts.availability(next.chosen), &Availability::Works);
                    let taken = next.candidates.iter().filter(|one| one.verdict == Verdict::Taken);
                    prop_assert_eq!(taken.map(|one| one.backend).collect::<Vec<_>>(), [next.chosen]);
                    let left = next.candidates.iter().find(|one| one.backend == chosen);
                    let verdict = left.map(|one| &one.verdict);
                    prop_assert!(matches!(verdict, Some(Verdict::PassedOver(_))));
                    prop_assert_eq!(&next.facts, &facts);
                }
                if selection.source == SelectedBy::Automatic {
                    let before = selection.candidates.iter().take_while(|one| one.backend != chosen);
                    for one in before {
                        prop_assert!(matches!(one.verdict, Verdict::PassedOver(_)));
                    }
                }
            }
            Err(error) => {
                prop_assert!(!error.to_string().is_empty());
                if let Some(asked) = asked {
                    let works = facts.availability(asked) == &Availability::Works;
                    prop_assert!(!works || (asked == Mmap && needs.workers == Spawned));
                }
            }
        }
    }
}
