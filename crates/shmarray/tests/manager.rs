//! Managers: what ends their scope, who inherits them, and what cannot be freed.

#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test, or is to panic

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use shm_conformance::leaks;
use shm_conformance::process::{self, Child};
use shmarray::prelude::*;
use shmarray::{names::unique_name, ndarray::array};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};

fn main() {
    process::main(
        &[("panics", |names| panics(names))],
        &[
            ("a_scope_frees_all_on_each_backend", a_scope_frees_all),
            ("what_is_kept_stays_without_a_handle", stays_without_a_handle),
            ("a_panic_frees_all", a_panic_frees_all),
            ("a_process_that_panics_frees_all", a_process_that_panics),
            ("all_are_tried_and_failures_are_reported_together", failures_together),
            ("failures_at_the_end_are_events", failures_are_events),
            ("what_bears_the_name_of_an_array_is_not_touched", a_successor_is_not_touched),
            ("a_forked_child_frees_nothing_and_says_nothing", a_forked_child),
            ("a_thousand_arrays", a_thousand),
            ("threads_share_a_manager", threads),
            ("a_fork_at_any_instant_leaves_it_usable", forks_at_any_instant),
        ],
    );
}

const NAMED: [BackendKind; 2] = [BackendKind::Shm, BackendKind::Mmap];

fn name(prefix: &str) -> String {
    unique_name(prefix).unwrap().to_string()
}

/// An array that stays until somebody removes its name.
fn persistent(backend: BackendKind, name: &str) -> SharedArray<u8, Ix1> {
    let builder = SharedArray::builder(3).name(name).backend(backend);
    builder.cleanup(Cleanup::Persist).full(1).unwrap()
}

fn is_there(name: &str) -> bool {
    match ErasedArray::attach(name) {
        Ok(_) => true,
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::NotFound { .. }), "{error}");
            false
        }
    }
}

fn a_scope_frees_all() {
    for backend in BackendKind::ALL {
        leaks::none(|| {
            let manager = Manager::new().backend(backend).workers(Workers::Forked);
            let zeros: SharedArray<f32, _> = manager.zeros((2, 3)).unwrap();
            let full = manager.full(4, 7_u16).unwrap();
            let model = array![[1, 2, 3], [4, 5, 6]];
            let copy = manager.copy_of(&model.slice(s![.., ..;-2]).reversed_axes()).unwrap();
            let guarded = GuardedArray::<u8, _>::builder(2).backend(backend);
            let guarded = manager.keep(guarded.cleanup(Cleanup::Persist).zeros().unwrap());
            assert_eq!(manager.len(), 4);
            assert_eq!(zeros.to_owned_array(), ndarray::Array2::zeros((2, 3)));
            assert_eq!(full.to_owned_array(), array![7, 7, 7, 7]);
            assert_eq!(copy.to_owned_array(), array![[3, 6], [1, 4]]);
            let names = [zeros.name(), full.name(), copy.name(), guarded.name()];
            assert!(names.iter().all(|name| zeros.backend() == backend && name.as_str() != ""));
            if NAMED.contains(&backend) {
                assert!(names.iter().all(|name| is_there(name.as_str())));
            }
            drop(manager);
            assert!(!names.iter().any(|name| is_there(name.as_str())));
            full.set(0, 9).unwrap(); // those attached keep their memory
            guarded.write().unwrap()[1] = 3;
            assert_eq!((full.get(0), guarded.read().unwrap()[1]), (Some(9), 3));
        });
    }
}

fn stays_without_a_handle() {
    leaks::none(|| {
        for backend in NAMED {
            let manager = Manager::new().backend(backend);
            let name = manager.full(2, 5_u8).unwrap().name().to_string(); // and dropped
            let again = SharedArray::<u8, Ix1>::attach(&name).unwrap();
            assert_eq!(again.get(1), Some(5));
            manager.clear().unwrap();
            assert!(!is_there(&name) && manager.is_empty());
            manager.clear().unwrap();
        }
        // A memfd that is kept can still be frozen: nothing is mapped for it.
        let manager = Manager::new().backend(BackendKind::Memfd);
        let array = manager.full(2, 5_u8).unwrap();
        assert_eq!(array.into_memfd().unwrap().freeze().unwrap().view().sum(), 10);
    });
    let invalid = Manager::new().keep_name("a/b").unwrap_err();
    assert!(matches!(invalid.kind(), ErrorKind::InvalidName { .. }), "{invalid}");
}

fn a_panic_frees_all() {
    leaks::none(|| {
        let names = NAMED.map(|_| name("panic"));
        let panics = std::panic::catch_unwind(|| {
            let manager = Manager::new();
            for (name, backend) in names.iter().zip(NAMED) {
                manager.keep(persistent(backend, name));
                assert!(is_there(name));
            }
            panic!("in the middle of it");
        });
        assert!(panics.is_err());
        assert!(!names.iter().any(|name| is_there(name)));
    });
}

/// A role: makes arrays of these names, and panics in the scope of their manager.
fn panics(names: &[String]) {
    let manager = Manager::new();
    let arrays: Vec<_> =
        names.iter().map(|name| manager.keep(persistent(BackendKind::Shm, name))).collect();
    println!("made");
    assert!(arrays.is_empty(), "this is to panic");
}

fn a_process_that_panics() {
    let names = [name("a"), name("b"), name("c")];
    let arguments: Vec<_> = names.iter().map(String::as_str).collect();
    let output = process::again("panics", &arguments).output().unwrap();
    assert_eq!((&*output.stdout, output.status.code()), (&b"made\n"[..], Some(101)));
    assert!(!names.iter().any(|name| is_there(name)));
}

fn path(name: &str) -> PathBuf {
    PathBuf::from("/dev/shm").join(name)
}

fn failures_together() {
    leaks::none(|| {
        let (folder, link) = (name("folder"), name("link"));
        fs::create_dir(path(&folder)).unwrap();
        std::os::unix::fs::symlink("/nowhere", path(&link)).unwrap();
        let manager = Manager::new();
        let first = manager.keep(persistent(BackendKind::Shm, &name("first")));
        manager.keep_name(&folder).unwrap();
        let alone = persistent(BackendKind::Shm, &name("alone"));
        manager.keep_name(alone.name().as_str()).unwrap();
        manager.keep_name(&name("none")).unwrap();
        manager.keep_name(&link).unwrap();
        let last = manager.keep(persistent(BackendKind::Mmap, &name("last")));

        let error = manager.clear().unwrap_err();
        for gone in [&first, &alone, &last] {
            assert!(!is_there(gone.name().as_str()), "{gone:?}");
        }
        let failed: Vec<_> = error.failures().iter().map(|one| one.name.as_str()).collect();
        assert_eq!(failed, [&folder, &link]);
        let not_segments = |one: &shmarray::manager::Failure| {
            matches!(one.error.kind(), ErrorKind::NotASegment { .. })
        };
        assert!(error.failures().iter().all(not_segments), "{error}");
        let text = error.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!((lines[0], lines.len()), ("2 of 6 arrays are not freed:", 3));
        assert!(lines[1].starts_with(&format!("{folder:?}: ")), "{text}");

        // What failed is kept, and only that.
        fs::remove_file(path(&link)).unwrap();
        let error = manager.clear().unwrap_err();
        assert_eq!((error.failures().len(), manager.len()), (1, 1));
        fs::remove_dir(path(&folder)).unwrap();
        manager.clear().unwrap();
        assert!(manager.is_empty());
    });
}

/// Remembers the events that warn.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    /// Those of these steps.
    fn of(steps: impl FnOnce()) -> Vec<String> {
        let all = Self::default();
        tracing::subscriber::with_default(all.clone(), steps);
        let mut all = all.0.lock().unwrap();
        std::mem::take(&mut *all)
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

fn failures_are_events() {
    leaks::none(|| {
        let folders = [name("one"), name("two")];
        let manager = Manager::new();
        for folder in &folders {
            fs::create_dir(path(folder)).unwrap();
            manager.keep_name(folder).unwrap();
        }
        let array = manager.keep(persistent(BackendKind::Shm, &name("between")));
        let warnings = Warnings::of(|| drop(manager));
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        for (folder, warning) in folders.iter().zip(&warnings) {
            assert!(warning.contains(folder) && warning.contains("directory"), "{warning}");
            fs::remove_dir(path(folder)).unwrap();
        }
        assert!(!is_there(array.name().as_str()));
    });
}

fn a_successor_is_not_touched() {
    leaks::none(|| {
        let name = name("replaced");
        let manager = Manager::new();
        let first = manager.keep(persistent(BackendKind::Shm, &name));
        let successor = SharedArray::<u8, _>::builder(2).name(&name).backend(BackendKind::Shm);
        let successor = successor.force(true).full(8).unwrap();
        manager.clear().unwrap();
        assert_eq!(SharedArray::<u8, Ix1>::attach(&name).unwrap().get(0), Some(8));
        assert_eq!(first.get(0), Some(1));

        // By name alone it is whoever bears the name.
        manager.keep_name(&name).unwrap();
        manager.clear().unwrap();
        assert!(!is_there(&name));
        assert_eq!(successor.get(1), Some(8));
    });
}

fn a_forked_child() {
    leaks::none(|| {
        let mut manager = Some(Manager::new());
        let kept = manager.as_ref().unwrap();
        let arrays = NAMED.map(|backend| kept.keep(persistent(backend, &name("parent"))));
        let alone = persistent(BackendKind::Shm, &name("alone"));
        kept.keep_name(alone.name().as_str()).unwrap();
        let inherited = [&arrays[0], &arrays[1], &alone];
        let all_there = || inherited.iter().all(|array| is_there(array.name().as_str()));

        for explicit in [true, false] {
            let own = NAMED.map(|_| name("child"));
            let child = Child::fork(|| {
                process::die_if_hanging(60);
                let warnings = Warnings::of(|| {
                    let manager = manager.take().unwrap();
                    for (name, backend) in own.iter().zip(NAMED) {
                        manager.keep(persistent(backend, name));
                    }
                    if explicit {
                        manager.clear().unwrap();
                        assert!(manager.is_empty());
                        // Taken up by the child itself, it is a mistake, which is told.
                        manager.keep(arrays[0].clone());
                        let error = manager.clear().unwrap_err();
                        let [failed] = error.failures() else { panic!("{error}") };
                        assert!(matches!(failed.error.kind(), ErrorKind::ForkedChild { .. }));
                        std::mem::forget(manager);
                    }
                });
                assert!(warnings.is_empty(), "{warnings:?}");
                assert!(all_there(), "an inherited array is gone");
                assert!(!own.iter().any(|name| is_there(name)), "its own are not");
                0
            });
            assert!(child.wait().success());
            assert!(all_there() && !own.iter().any(|name| is_there(name)));
        }
        drop(manager);
        assert!(!inherited.iter().any(|array| is_there(array.name().as_str())));
    });
}

fn a_thousand() {
    leaks::none(|| {
        let manager = Manager::new();
        let mut names = Vec::new();
        for number in 0..1000 {
            // A third needs no descriptor: 1024 are often all that a process may have.
            let backend = BackendKind::ALL[number % 3];
            let array = SharedArray::<u8, _>::builder(1).unique("many").backend(backend);
            names.push(manager.keep(array.zeros().unwrap()).name().to_string());
        }
        assert_eq!(manager.len(), 1000);
        let there = |names: &[String]| names.iter().filter(|name| is_there(name)).count();
        assert_eq!(there(&names), 667, "all but those on memfd");
        manager.clear().unwrap();
        assert_eq!(there(&names), 0);
    });
}

fn threads() {
    leaks::none(|| {
        let manager = Manager::new();
        let names: Vec<Vec<String>> = std::thread::scope(|scope| {
            let made = |number: usize| {
                let manager = &manager;
                move || {
                    let make = |round: usize| {
                        let name = name("thread");
                        manager.keep(persistent(NAMED[(number + round) % 2], &name));
                        if number == 0 && round.is_multiple_of(8) {
                            manager.clear().unwrap();
                        }
                        name
                    };
                    (0..50).map(make).collect()
                }
            };
            let threads: Vec<_> = (0..4).map(|number| scope.spawn(made(number))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        manager.clear().unwrap();
        assert!(!names.iter().flatten().any(|name| is_there(name)));
    });
}

fn forks_at_any_instant() {
    let manager = Manager::new();
    let array = manager.keep(persistent(BackendKind::Shm, &name("kept")));
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    manager.keep_name("nothing").unwrap();
                    if manager.len() > 100 {
                        assert!(manager.clear().is_ok());
                        manager.keep(array.clone());
                    }
                }
            });
        }
        for _ in 0..100 {
            let child = Child::fork(|| {
                process::die_if_hanging(60);
                manager.keep_name("nothing").unwrap();
                i32::from(manager.clear().is_err())
            });
            assert!(child.wait().success());
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
