//! `doctor`: what it finds, also where little is to be found.

use serde_json::Value;
use shm_conformance::process::Child;
use shm_conformance::{leaks, private};

use crate::run::{command, finished, shmarray};

fn finding<'a>(report: &'a Value, what: &str) -> &'a Value {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().find(|found| found["what"] == what).unwrap_or_else(|| panic!("{what}"))
}

pub(crate) fn healthy() {
    let before = leaks::entries();
    let done = shmarray(&["doctor"]).expect(0);
    assert!(done.err.is_empty(), "{done:#?}");
    for word in ["backends", "RLIMIT_NOFILE", "huge pages", "auto, for any array", "taken"] {
        assert!(done.out.contains(word), "{word}: {}", done.out);
    }
    let report = shmarray(&["doctor", "--json", "--bytes", "1M"]).expect(0).json();
    for backend in ["shm", "mmap", "memfd"] {
        assert_eq!(finding(&report, backend)["found"], "usable");
    }
    assert!(finding(&report, "open files (RLIMIT_NOFILE)")["number"].is_u64());
    assert_eq!(report["choice"]["bytes"], 1 << 20);
    for wrong in [&["--bytes", "x"][..], &["--bytes", "16E"], &["--workers", "threads"]] {
        shmarray(&[&["doctor"], wrong].concat()).expect(2);
    }
    assert_eq!(leaks::entries(), before);
}

pub(crate) fn small() {
    let status = Child::fork(|| {
        if !private::shm("size=4m") {
            return 0;
        }
        let ask = ["doctor", "--json", "--bytes", "8MiB", "--workers", "spawned"];
        let report = shmarray(&ask).expect(0).json();
        let free = finding(&report, "free");
        assert_eq!((&free["state"], &free["number"]), (&"problem".into(), &(4 << 20).into()));
        let advice = free["advice"].as_str().unwrap();
        assert!(advice.contains("8400896 bytes") && advice.contains("remount"), "{advice}");
        assert_eq!(report["choice"]["chosen"], "memfd");
        let why = report["choice"]["explanation"].as_str().unwrap();
        assert!(why.contains("4194304 bytes free"), "{why}");
        let text = shmarray(&["doctor", "--workers", "forked"]).expect(0).out;
        assert!(text.contains("!  free"), "{text}");
        0
    });
    assert!(status.wait().success());
}

/// A `/dev/shm` that looks well and refuses every file is found by trying.
pub(crate) fn refusing() {
    let status = Child::fork(|| {
        if !private::shm("size=64m,nr_inodes=1") {
            return 0;
        }
        let report = shmarray(&["doctor", "--json"]).expect(0).json();
        let shm = finding(&report, "shm");
        assert_eq!((&shm["state"], &shm["found"]), (&"problem".into(), &"not usable".into()));
        let expected = "opening a small segment in /dev/shm failed: No space left on device";
        assert!(shm["advice"].as_str().unwrap().starts_with(expected), "{shm:#}");
        assert_eq!(finding(&report, "memfd")["found"], "usable");
        0
    });
    assert!(status.wait().success());
}

/// A setting that is wrong is told, and what does not depend on it as well.
pub(crate) fn nonsense() {
    let mut wrong = command(&["doctor"]);
    wrong.env("SHMARRAY_BACKEND", "sysv");
    let done = finished(wrong).expect(1);
    let expected = "unknown backend \"sysv\" in SHMARRAY_BACKEND; valid are shm, mmap, memfd, auto";
    assert!(done.out.contains(expected) && done.out.contains("usable"), "{done:#?}");
    let mut asked = command(&["doctor", "--json"]);
    asked.env("SHMARRAY_BACKEND", " MMAP ");
    assert_eq!(finished(asked).expect(0).json()["choice"]["chosen"], "mmap");
    let mut spawned = command(&["doctor", "--json", "--workers", "spawned"]);
    spawned.env("SHMARRAY_BACKEND", "mmap");
    assert_eq!(finished(spawned).expect(1).json()["choice"]["chosen"], Value::Null);
}

/// Without /sys and /proc, and without /dev/shm.
pub(crate) fn hidden() {
    if !private::is_private() {
        return;
    }
    let status = Child::fork(|| {
        assert!(private::hide("/sys") && private::hide("/proc"));
        let report = shmarray(&["doctor", "--json"]).expect(0).json();
        assert_eq!(finding(&report, "/proc")["state"], "problem");
        for what in ["memory available", "memfd, mmap (shmem_enabled)", "memory of the cgroup"] {
            assert_eq!(finding(&report, what)["state"], "unknown", "{what}");
        }
        assert_eq!(finding(&report, "frozen arrays")["state"], "problem");
        0
    });
    assert!(status.wait().success());
    let status = Child::fork(|| {
        assert!(private::hide("/dev"));
        // Standard input of `command` is /dev/null, which is hidden too.
        let mut doctor = command(&["doctor", "--json"]);
        doctor.stdin(std::io::pipe().unwrap().0);
        let report = finished(doctor).expect(0).json();
        let shm = finding(&report, "shm");
        assert_eq!((&shm["state"], &shm["found"]), (&"problem".into(), &"not usable".into()));
        let unnamed = finding(&report, "unnamed files in /dev/shm (O_TMPFILE)");
        assert_eq!(unnamed["state"], "problem");
        assert_eq!(unnamed["advice"], "no array of backend shm can be made in /dev/shm");
        assert_eq!(report["choice"]["chosen"], "memfd");
        0
    });
    assert!(status.wait().success());
}
