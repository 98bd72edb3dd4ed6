//! Arrays across a real `exec`. The children are this program again, as another role.

#![allow(clippy::unwrap_used, unreachable_pub, dead_code)] // a failed step fails the test

mod support;

use std::os::fd::AsRawFd;
use std::process::{Command, Output};

use libtest_mimic::{Arguments, Failed, Trial};
use rustix::fs::fstat;
use shm_core::{BackendKind, ErrorKind};
use shm_pass::{inherit, take};
use support::{memfd, number, open_fds, payload};

const ROLE: &str = "SHM_PASS_TEST_ROLE";

fn main() {
    if let Ok(role) = std::env::var(ROLE) {
        return play(&role);
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let tests: [(&str, fn()); 8] = [
        ("a_child_takes_by_key_once", child_takes),
        ("a_command_can_be_spawned_again", spawned_again),
        ("what_was_taken_is_not_taken_again_under_the_same_number", number_reused),
        ("no_other_child_gets_it", other_children),
        ("no_child_gets_it_that_is_spawned_at_the_same_time", spawned_together),
        ("bad_keys_and_backends_are_refused", refused),
        ("a_missing_key_names_those_there_are", missing_key),
        ("a_hostile_environment_is_an_error_and_closes_nothing", hostile_environment),
    ];
    let trial = |(name, test): (&str, fn())| {
        Trial::test(name, move || {
            let before = open_fds();
            std::panic::catch_unwind(test).map_err(|_| Failed::from("see above"))?;
            if open_fds() == before { Ok(()) } else { Err(Failed::from("descriptors leaked")) }
        })
    };
    libtest_mimic::run(&arguments, tests.into_iter().map(trial).collect()).exit();
}

/// What a child does: it prints what it found.
fn play(role: &str) {
    match role {
        "take" => {
            let array = take("one").unwrap();
            let again = take("one").unwrap_err().to_string();
            assert!(again.contains("taken already"), "{again}");
            print!("{} {}", number(&array.file), array.payload.descriptor.name);
        }
        "two" => {
            let (one, two) = (take("one").unwrap(), take("two").unwrap());
            print!("{} {}", number(&one.file), number(&two.file));
        }
        "reuse" => {
            let array = take("one").unwrap();
            let at = array.file.as_raw_fd();
            let copy = rustix::io::dup(&array.file).unwrap();
            drop(array);
            let other = rustix::io::dup(&copy).unwrap();
            assert_eq!(other.as_raw_fd(), at, "the same number, for somebody else");
            let again = take("one").map(std::mem::forget).unwrap_err().to_string();
            print!("{again}");
        }
        "race" => {
            let threads: Vec<_> = (0..8).map(|_| std::thread::spawn(|| take("one"))).collect();
            let won = threads.into_iter().filter_map(|thread| thread.join().unwrap().ok());
            print!("{}", won.count());
        }
        "list" => {
            for entry in std::fs::read_dir("/proc/self/fd").unwrap().flatten() {
                if let Ok(target) = std::fs::read_link(entry.path()) {
                    println!("{}", target.display());
                }
            }
        }
        _ => print!("{}", take("one").unwrap_err()),
    }
}

fn child(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(ROLE, role);
    command
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn child_takes() {
    let mut command = child("take");
    {
        let file = memfd(77);
        inherit(&mut command, "one", &payload(BackendKind::Memfd, 3), &file).unwrap();
    } // the command keeps it
    assert_eq!(text(&command.output().unwrap()), "77 array-3");

    let mut command = child("two");
    for (key, value) in [("one", 1), ("two", 2)] {
        let file = memfd(value);
        inherit(&mut command, key, &payload(BackendKind::Memfd, 0), &file).unwrap();
    }
    assert_eq!(text(&command.output().unwrap()), "1 2");

    let mut command = child("race");
    inherit(&mut command, "one", &payload(BackendKind::Shm, 0), &memfd(1)).unwrap();
    assert_eq!(text(&command.output().unwrap()), "1");
}

fn spawned_again() {
    let mut command = child("take");
    inherit(&mut command, "one", &payload(BackendKind::Memfd, 1), &memfd(8)).unwrap();
    for _ in 0..3 {
        assert_eq!(text(&command.output().unwrap()), "8 array-1");
    }
}

fn other_children() {
    let file = memfd(1);
    let mut command = child("list");
    inherit(&mut command, "one", &payload(BackendKind::Memfd, 1), &file).unwrap();
    assert!(text(&command.output().unwrap()).contains("memfd:pass"));
    assert!(!text(&child("list").output().unwrap()).contains("memfd:pass"));
}

fn number_reused() {
    let mut command = child("reuse");
    inherit(&mut command, "one", &payload(BackendKind::Memfd, 1), &memfd(8)).unwrap();
    let said = text(&command.output().unwrap());
    assert!(said.contains("taken already"), "{said}");
}

fn spawned_together() {
    let file = memfd(1);
    let mut command = child("list");
    inherit(&mut command, "one", &payload(BackendKind::Memfd, 1), &file).unwrap();
    let listed = || text(&child("list").output().unwrap());
    std::thread::scope(|scope| {
        let others: Vec<_> = (0..3)
            .map(|_| scope.spawn(move || -> String { (0..20).map(|_| listed()).collect() }))
            .collect();
        for _ in 0..20 {
            assert!(text(&command.output().unwrap()).contains("memfd:pass"));
        }
        for other in others {
            assert!(!other.join().unwrap().contains("memfd:pass"));
        }
    });
}

fn refused() {
    let (file, good) = (memfd(0), payload(BackendKind::Memfd, 0));
    let mut command = child("take");
    for key in ["", "a b", "a=b", "ä", "a/b", &"x".repeat(65)] {
        let error = inherit(&mut command, key, &good, &file).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Transport { .. }), "{error}");
        assert!(take(key).is_err());
    }
    let mmap = payload(BackendKind::Mmap, 0);
    let error = inherit(&mut command, "one", &mmap, &file).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::BackendCannot { .. }), "{error}");
    inherit(&mut command, "one", &good, &file).unwrap();
    let error = inherit(&mut command, "one", &good, &file).unwrap_err();
    assert!(error.to_string().contains("already"), "{error}");
}

fn missing_key() {
    let mut command = child("missing");
    inherit(&mut command, "another", &payload(BackendKind::Memfd, 0), &memfd(0)).unwrap();
    let said = text(&command.output().unwrap());
    assert!(said.contains("there are: another"), "{said}");
}

fn hostile_environment() {
    let file = memfd(0);
    let stat = fstat(&file).unwrap();
    let (number, device, inode) = (file.as_raw_fd(), stat.st_dev, stat.st_ino);
    let hex: String = payload(BackendKind::Memfd, 0)
        .to_bytes()
        .unwrap()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let values = [
        String::new(),
        "1".into(),
        format!("2:{number}:{device}:{inode}:{hex}"),
        format!("1:-1:{device}:{inode}:{hex}"),
        format!("1:1:{device}:{inode}:{hex}"),
        format!("1:2147483647:{device}:{inode}:{hex}"),
        format!("1:99999999999999999999:{device}:{inode}:{hex}"),
        format!("1:{number}:{device}:{inode}:{hex}:"),
        format!("1:{number}:{device}:{inode}:{hex}0"),
        format!("1:{number}:{device}:{inode}:zz"),
        format!("1:{number}:{device}:{inode}:é1"),
        format!("1:{number}:{device}:{inode}:"),
        format!("1:{number}:{device}:{}:{hex}", inode + 1),
        format!("1:{number}:{device}:{inode}:{}", "00".repeat(40_000)),
    ];
    for value in values {
        let mut command = child("hostile");
        command.env("SHMARRAY_PASS_one", &value);
        let said = text(&command.output().unwrap());
        assert!(!said.is_empty(), "{value}");
    }
    let mut command = child("hostile");
    let bytes = std::os::unix::ffi::OsStrExt::from_bytes(b"1:\xff");
    command.env("SHMARRAY_PASS_one", <std::ffi::OsStr as AsRef<std::ffi::OsStr>>::as_ref(bytes));
    assert!(text(&command.output().unwrap()).contains("not Unicode"));
    // A descriptor that is there and inherited, but another file than was given: left open.
    let mut command = child("hostile");
    inherit(&mut command, "other", &payload(BackendKind::Memfd, 0), &file).unwrap();
    let given = command.get_envs().find(|(name, _)| *name == "SHMARRAY_PASS_other").unwrap();
    let given = given.1.unwrap().to_str().unwrap().replace(&format!(":{inode}:"), ":1:");
    command.env("SHMARRAY_PASS_one", given);
    let said = text(&command.output().unwrap());
    assert!(said.contains("was given"), "{said}");
}
