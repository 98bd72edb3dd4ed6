//! The choice in real processes: variables, small and missing `/dev/shm`, forks.
//!
//! Each test runs this program again as a child that follows a few steps and prints a line for
//! each. So no test changes its own environment.

#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use libtest_mimic::{Arguments, Failed, Trial};
use shm_core::{BackendKind, Error};
use shm_select::{Needs, Selection, Selector, Workers};

static SELECTOR: Selector = Selector::new(&BackendKind::ALL);

fn main() {
    let mut steps = std::env::args().skip(1).peekable();
    if steps.next_if(|first| first == "child").is_some() {
        return steps.for_each(|step| println!("{}", follow(&step)));
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let tests: [(&str, fn()); 12] = [
        ("the_environment_decides", environment_decides),
        ("a_wrong_environment_is_an_error", wrong_environment),
        ("a_set_backend_is_used_until_taken_back", set_backend),
        ("equal_minimum_is_too_little", small_shm),
        ("a_large_array_falls_alone", large_array),
        ("the_choice_is_kept_until_set_anew", kept),
        ("a_refusal_changes_the_choice_until_set_anew", refusals),
        ("a_read_only_shm_is_refused", read_only_shm),
        ("a_missing_shm_is_refused", missing_shm),
        ("zero_blocks_are_unlimited", zero_blocks),
        ("without_a_descriptor_to_spare", descriptor_limit),
        ("a_child_forked_amid_choices_can_choose", forks),
    ];
    let trial = |(name, test): (&str, fn())| {
        Trial::test(name, move || {
            std::panic::catch_unwind(test).map_err(|_| Failed::from("see above"))
        })
    };
    libtest_mimic::run(&arguments, tests.into_iter().map(trial).collect()).exit();
}

/// What a child does for one step, and the line that it prints.
fn follow(step: &str) -> String {
    let (verb, value) = step.split_once(':').unwrap_or((step, ""));
    let needs = match verb {
        "select" => Needs::default(),
        "spawned" => Needs { workers: Workers::Spawned, ..Needs::default() },
        "bytes" => Needs { bytes: Some(value.parse().unwrap()), ..Needs::default() },
        "named" => Needs { backend: Some(value.parse().unwrap()), ..Needs::default() },
        "set" => {
            SELECTOR.set_backend(value.parse().ok()).unwrap();
            return "set".into();
        }
        "refused" => {
            let source = std::io::Error::from_raw_os_error(value.parse().unwrap());
            let error = Error::os("open", "/dev/shm/a", source);
            let next =
                SELECTOR.select(&Needs::default()).and_then(|one| SELECTOR.refused(one, error));
            return next.map_or_else(|error| format!("error: {error}"), line);
        }
        "fill" => {
            let bytes = vec![1; value.parse().unwrap()];
            std::fs::write("/dev/shm/filler", bytes).unwrap();
            return "filled".into();
        }
        "starve" => {
            let limit = libc::rlimit { rlim_cur: 3, rlim_max: 3 };
            // SAFETY: `limit` is valid for the call.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
            return "starved".into();
        }
        _ => panic!("no such step: {step}"),
    };
    SELECTOR.select(&needs).map_or_else(|error| format!("error: {error}"), line)
}

fn line(selection: Selection) -> String {
    let fell = selection.fell_from().map_or("", |_| " alone");
    format!("{} {:?}{fell}", selection.chosen, selection.source)
}

/// Lines that a child prints, run by `shell` (in which `"$@"` is the child) with these variables.
fn child(shell: &str, variables: &[(&str, &OsStr)], steps: &[&str]) -> Vec<String> {
    let output = Command::new("sh")
        .args(["-ec", shell, "sh"])
        .arg(std::env::current_exe().unwrap())
        .arg("child")
        .args(steps)
        .env_remove("SHMARRAY_BACKEND")
        .env_remove("SHMARRAY_SHM_MIN_FREE")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    assert!(output.status.success(), "{}", text(output.stderr));
    text(output.stdout).lines().map(str::to_owned).collect()
}

fn plain(backend: &str, min_free: &str, steps: &[&str]) -> Vec<String> {
    let variables = [
        ("SHMARRAY_BACKEND", OsStr::new(backend)),
        ("SHMARRAY_SHM_MIN_FREE", OsStr::new(min_free)),
    ];
    child(r#"exec "$@""#, &variables, steps)
}

/// Runs a child in a mount namespace of its own, after `mount`. Only root can; others are told.
fn mounted(mount: &str, min_free: &str, steps: &[&str]) -> Option<Vec<String>> {
    // SAFETY: it has no precondition.
    if unsafe { libc::geteuid() } != 0 {
        eprintln!("not root: no mount namespace, nothing tested here");
        return None;
    }
    let shell = format!(r#"exec unshare -m sh -ec '{mount}; exec "$@"' sh "$@""#);
    let variables = [("SHMARRAY_SHM_MIN_FREE", OsStr::new(min_free))];
    Some(child(&shell, &variables, steps))
}

fn environment_decides() {
    for (value, expected) in
        [("memfd", "memfd Environment"), (" MMAP ", "mmap Environment"), ("shm", "shm Environment")]
    {
        assert_eq!(plain(value, "", &["set:shm", "select"])[1], expected);
    }
    assert_eq!(
        plain("auto", "0", &["set:mmap", "named:mmap", "spawned"])[1..],
        ["mmap Named", "shm Automatic"]
    );
    assert_eq!(
        plain("mmap", "", &["spawned"]),
        ["error: sharing with spawned workers is not possible on backend mmap: an anonymous \
             mapping reaches forked descendants only; use shm or memfd"]
    );
    let most = u64::MAX.to_string();
    assert_eq!(plain("", &most, &["select"]), ["memfd Automatic"]);
}

fn wrong_environment() {
    assert_eq!(
        plain("sysv", "", &["select", "set:shm", "select", "named:memfd"]),
        [
            "error: unknown backend \"sysv\" in SHMARRAY_BACKEND; valid are shm, mmap, memfd, auto",
            "set",
            "error: unknown backend \"sysv\" in SHMARRAY_BACKEND; valid are shm, mmap, memfd, auto",
            "memfd Named",
        ]
    );
    assert_eq!(
        plain("", "64M", &["select"]),
        ["error: SHMARRAY_SHM_MIN_FREE=\"64M\" is not valid: it has to be a whole number of \
             bytes, from 0 to 18446744073709551615"]
    );
    let not_unicode = OsString::from_vec(b"shm\xff".to_vec());
    for variable in ["SHMARRAY_BACKEND", "SHMARRAY_SHM_MIN_FREE"] {
        let lines = child(r#"exec "$@""#, &[(variable, &not_unicode)], &["select"]);
        assert!(lines[0].starts_with("error: ") && lines[0].contains(variable), "{lines:?}");
    }
}

fn set_backend() {
    let steps = ["set:mmap", "select", "spawned", "set:auto", "spawned"];
    let lines = plain("", "0", &steps);
    assert_eq!(lines[1], "mmap Set");
    assert!(lines[2].starts_with("error: "), "{lines:?}");
    assert_eq!(lines[4], "shm Automatic");
}

const SMALL: &str = "mount -t tmpfs -o size=64m tmpfs /dev/shm";

fn small_shm() {
    // All of it is free: 67108864 bytes, which is the minimum and not more than it.
    if let Some(lines) = mounted(SMALL, "", &["select", "named:shm"]) {
        assert_eq!(lines, ["memfd Automatic", "shm Named"]);
    }
    if let Some(lines) = mounted(SMALL, "67108863", &["select"]) {
        assert_eq!(lines, ["shm Automatic"]);
    }
}

fn large_array() {
    let steps = ["bytes:67108864", "bytes:67108865", "bytes:4096"];
    if let Some(lines) = mounted(SMALL, "0", &steps) {
        assert_eq!(lines, ["shm Automatic", "memfd Automatic alone", "shm Automatic"]);
    }
}

fn kept() {
    let steps =
        ["select", "fill:67104768", "select", "bytes:4096", "bytes:4097", "set:auto", "select"];
    if let Some(lines) = mounted(SMALL, "4096", &steps) {
        assert_eq!(
            lines,
            [
                "shm Automatic",
                "filled",
                "shm Automatic",
                "shm Automatic",
                "memfd Automatic alone",
                "set",
                "memfd Automatic",
            ]
        );
    }
}

fn refusals() {
    let (full, denied) = (format!("refused:{}", libc::ENOSPC), format!("refused:{}", libc::EACCES));
    assert_eq!(
        plain("", "0", &[&full, "select", &denied, "select", "named:shm", "set:auto", "select"]),
        [
            "memfd Automatic alone",
            "shm Automatic",
            "memfd Automatic",
            "memfd Automatic",
            "shm Named",
            "set",
            "shm Automatic",
        ]
    );
    // What was asked for does not fall, and nothing is remembered of it.
    let lines = plain("shm", "0", &[&denied, "select"]);
    assert!(lines[0].contains("Permission denied"), "{lines:?}");
    assert_eq!(lines[1], "shm Environment");
}

fn read_only_shm() {
    let mount = "mount -t tmpfs -o ro tmpfs /dev/shm";
    if let Some(lines) = mounted(mount, "0", &["select", "named:shm"]) {
        assert_eq!(
            lines,
            [
                "memfd Automatic",
                "error: backend shm does not work here: access on /dev/shm: Read-only file system \
                 (os error 30)"
            ]
        );
    }
}

fn missing_shm() {
    let mount = "mount -t tmpfs tmpfs /dev";
    if let Some(lines) = mounted(mount, "0", &["select", "bytes:4096", "named:shm"]) {
        assert_eq!(
            lines,
            [
                "memfd Automatic",
                "memfd Automatic",
                "error: backend shm does not work here: statvfs on /dev/shm: No such file or \
                 directory (os error 2)"
            ]
        );
    }
}

fn zero_blocks() {
    let mount = "mount -t tmpfs -o size=0 tmpfs /dev/shm";
    let most = u64::MAX.to_string();
    if let Some(lines) = mounted(mount, &most, &["select", &format!("bytes:{most}")]) {
        assert_eq!(lines, ["shm Automatic", "shm Automatic"]);
    }
}

fn descriptor_limit() {
    // The limit may be gone by the time an array is made: memfd counts as working.
    let most = u64::MAX.to_string();
    assert_eq!(
        plain("", &most, &["starve", "select", "named:memfd"]),
        ["starved", "memfd Automatic", "memfd Named"]
    );
}

fn forks() {
    static FORKED: Selector = Selector::new(&BackendKind::ALL);
    let done = AtomicBool::new(false);
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let before = descriptors();
    std::thread::scope(|scope| {
        let choose = || {
            while !done.load(Ordering::Relaxed) {
                FORKED.select(&Needs::default()).unwrap();
                FORKED.set_backend(None).unwrap();
            }
        };
        scope.spawn(choose);
        scope.spawn(choose);
        let killed = (0..500).find_map(|_| forked_choice(&FORKED));
        done.store(true, Ordering::Relaxed);
        assert_eq!(killed, None, "a child's wait status");
    });
    assert_eq!(descriptors(), before);
}

/// Forks a child that chooses; its wait status, unless it succeeded.
fn forked_choice(selector: &Selector) -> Option<i32> {
    // SAFETY: the child calls what is async-signal-safe or, in glibc, made safe after fork
    // (allocation), and the selector, which is what is tested; then it ends without unwinding.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        // SAFETY: it has no precondition. A child that hangs ends by this signal.
        unsafe { libc::alarm(60) };
        let chosen = selector.select(&Needs::default()).is_ok();
        // SAFETY: it has no precondition.
        unsafe { libc::_exit(i32::from(!chosen)) };
    }
    let mut status = 0;
    // SAFETY: `status` is writable for the call, and the child is this function's own.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    (status != 0).then_some(status)
}
