//! `ls` and `stat`: what they say is what there is.

use std::fs;
use std::os::unix::fs::MetadataExt;

use serde_json::json;
use shm_conformance::private;
use shm_conformance::process::{self, Child};
use shmarray::prelude::*;
use shmarray::{Cleanup, Order};

use crate::run::{command, finished, shmarray};

/// Forks a child that does this and waits to be killed; its process id.
pub(crate) fn held(work: impl FnOnce()) -> (Child, u32) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let child = Child::idle(|| {
        work();
        fs::write(&file, std::process::id().to_string()).unwrap();
    });
    let pid = fs::read_to_string(file).unwrap().parse().unwrap();
    (child, pid)
}

/// Keeps an array until the process ends.
pub(crate) fn keep<T>(array: T) {
    std::mem::forget(array);
}

pub(crate) fn shared(name: &str) -> SharedArray<f32, Ix2> {
    let array = SharedArray::builder((30, 50)).name(name).backend(BackendKind::Shm);
    array.zeros().unwrap()
}

pub(crate) fn listed() {
    let (_child, pid) = held(|| {
        keep(shared("listed-a"));
        let persist = SharedArray::<u8, Ix0>::builder(()).name("listed-b");
        let persist = persist.backend(BackendKind::Shm).cleanup(Cleanup::Persist);
        keep(persist.zeros().unwrap());
        let guarded = GuardedArray::<i64, Ix1>::builder(7).name("listed c");
        let guarded = guarded.backend(BackendKind::Shm).cleanup(Cleanup::Owner);
        keep(guarded.order(Order::Fortran).zeros().unwrap());
    });
    let second = Child::idle(|| keep(SharedArray::<f32, Ix2>::attach("listed-a").unwrap()));
    fs::write("/dev/shm/listed-foreign", "none of ours").unwrap();
    fs::write("/dev/shm/listed-bad", "SHMARRAY and then nothing that fits").unwrap();

    let done = shmarray(&["ls", "--json"]).expect(0);
    assert_eq!(done.err, "");
    let a = done.segment("listed-a").unwrap();
    let expected = json!({
        "place": "listed-a", "name": "listed-a", "backend": "shm", "dtype": "<f4",
        "shape": [30, 50], "order": "C", "bytes": 6000, "created": a["created"],
        "age_seconds": a["age_seconds"], "policy": "last-out", "in_use": true,
        "processes": a["processes"], "frozen": false, "guarded": false, "named": true,
        "abandoned": false, "owner": fs::metadata("/dev/shm/listed-a").unwrap().uid(),
    });
    assert_eq!(a, expected, "and no other field");
    let pids = |segment: &serde_json::Value| {
        let all = segment["processes"].as_array().unwrap().iter();
        Vec::from_iter(all.map(|process| process["pid"].as_u64().unwrap()))
    };
    assert_eq!(pids(&a).len(), 2, "{a:#}");
    assert!(pids(&a).contains(&u64::from(pid)), "{a:#}");
    let command = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
    assert_eq!(a["processes"][0]["command"], command.trim_end());
    assert!(a["age_seconds"].as_u64().unwrap() < 3600, "{a:#}");
    let b = done.segment("listed-b").unwrap();
    assert_eq!(
        (&b["shape"], &b["policy"], &b["bytes"]),
        (&json!([]), &json!("persist"), &json!(1))
    );
    assert_eq!(pids(&b), [u64::from(pid)]);
    let c = done.segment("listed c").unwrap();
    assert_eq!(
        (&c["guarded"], &c["policy"], &c["order"]),
        (&json!(true), &json!("owner"), &json!("F"))
    );
    let listing = done.json();
    let bad = listing["unreadable"].as_array().unwrap();
    assert_eq!(
        (bad.len(), &bad[0]["place"], &bad[0]["bytes"]),
        (1, &json!("listed-bad"), &json!(35))
    );
    assert_eq!(listing["foreign"], 1);

    second.kill();
    second.wait();
    let done = shmarray(&["ls"]).expect(0);
    let heads = "PLACE\tNAME\tBACKEND\tDTYPE\tSHAPE\tBYTES\tSECONDS\tPROCESSES\tPOLICY\tMARKS";
    assert_eq!(done.out.lines().next(), Some(heads));
    let row = done.row("listed-a").unwrap();
    assert_eq!(row[1..6], ["listed-a", "shm", "<f4", "(30, 50)", "6000"]);
    assert_eq!(row[7..], ["1", "last-out", ""]);
    let row = done.row("listed c").unwrap();
    assert_eq!((row[4], row[8], row[9]), ("(7,)", "owner", "guarded fortran"));
    assert_eq!(done.row("listed-b").unwrap()[4], "()");
    assert!(done.err.starts_with("shmarray: listed-bad (35 bytes): "), "{done:#?}");
    assert!(!done.out.contains("listed-foreign") && !done.err.contains("listed-foreign"));

    drop(_child);
    let done = shmarray(&["ls"]).expect(0);
    let row = done.row("listed-a").unwrap();
    assert_eq!(row[7..], ["none", "last-out", "abandoned"]);
    assert_eq!(done.row("listed-b").unwrap()[7..], ["none", "persist", ""]);
    for name in ["listed-a", "listed-b", "listed c", "listed-bad"] {
        shmarray(&["rm", name]).expect(0);
    }
    fs::remove_file("/dev/shm/listed-foreign").unwrap();
}

pub(crate) fn one() {
    let (_child, pid) = held(|| {
        let aligned = SharedArray::<u16, Ix1>::builder(1000).name("one").backend(BackendKind::Shm);
        keep(aligned.align(shmarray::Align::Page(1 << 16)).zeros().unwrap());
    });
    let one = shmarray(&["stat", "one", "--json"]).expect(0).json();
    let header = shm_survey::find("one").unwrap();
    let header = header.header();
    for (field, value) in [
        ("itemsize", json!(2)),
        ("elements", json!(1000)),
        ("bytes", json!(2000)),
        ("data_offset", json!(1 << 16)),
        ("alignment", json!(1 << 16)),
        ("segment_bytes", json!((1 << 16) + 2000)),
        ("file_bytes", json!((1 << 16) + 2000)),
        ("uuid", json!(header.stamp().uuid.to_string())),
        ("creator_pid", json!(pid)),
        ("owner", json!(rustix::process::geteuid().as_raw())),
        ("participants", json!([])),
        ("slots", json!(128)),
        ("lock", json!(null)),
        ("in_use", json!(true)),
    ] {
        assert_eq!(one[field], value, "{field}: {one:#}");
    }
    assert!(one["allocated_bytes"].as_u64().unwrap() >= 4096, "{one:#}");
    // The time of the kernel, and ours, which were taken at about the same moment.
    let day = |field: &str| one[field].as_str().unwrap()[..10].to_owned();
    let utc = std::process::Command::new("date").args(["-u", "+%F"]).output().unwrap();
    let utc = String::from_utf8(utc.stdout).unwrap();
    let is_midnight = day("created") != day("modified");
    assert!(day("created") == utc.trim_end() || is_midnight, "{one:#}");

    let done = shmarray(&["stat", "one"]).expect(0);
    assert_eq!(done.row("shape"), Some(vec!["shape", "(1000,)"]));
    assert_eq!(done.row("in use"), Some(vec!["in use", "yes"]));
    assert_eq!(done.row(&pid.to_string()).unwrap().len(), 2, "{done:#?}");
    drop(_child);
    shmarray(&["gc"]).expect(0);
}

pub(crate) fn memfds() {
    let (_child, pid) = held(|| {
        let array = SharedArray::<f64, Ix1>::builder(5).name("memfd-open");
        keep(array.backend(BackendKind::Memfd).zeros().unwrap());
        let array = SharedArray::<f64, Ix1>::builder(6).name("memfd-frozen");
        let array = array.backend(BackendKind::Memfd).zeros().unwrap();
        keep(array.into_memfd().unwrap().freeze().unwrap());
    });
    let done = shmarray(&["ls", "--json"]).expect(0);
    for (name, is_frozen) in [("memfd-open", false), ("memfd-frozen", true)] {
        let segment = done.segment(name).unwrap();
        assert_eq!(segment["backend"], "memfd");
        assert_eq!(segment["frozen"], is_frozen);
        assert_eq!((&segment["in_use"], &segment["named"]), (&json!(true), &json!(false)));
        assert_eq!(segment["processes"][0]["pid"], pid);
        let place = segment["place"].as_str().unwrap();
        assert!(place.starts_with(&format!("{pid}:")), "{place}");
        for called in [place, name] {
            let one = shmarray(&["stat", called, "--json"]).expect(0).json();
            assert_eq!((&one["name"], &one["place"]), (&json!(name), &json!(place)));
            let refused = shmarray(&["rm", called]).expect(1);
            assert!(refused.err.contains("the last process that has it"), "{refused:#?}");
            assert!(refused.err.contains(&pid.to_string()), "{refused:#?}");
        }
    }
    assert!(done.segment("memfd-open").is_some(), "and it is still there");
    drop(_child);
    assert_eq!(shmarray(&["ls", "--json"]).expect(0).segment("memfd-open"), None);
}

/// Without /dev/shm, there are memfd arrays, and nothing to collect.
pub(crate) fn nowhere() {
    if !private::is_private() {
        return;
    }
    let child = Child::fork(|| {
        assert!(private::hide("/dev"));
        let run = |arguments: &[&str]| {
            // Standard input of `command` is /dev/null, which is hidden too.
            let mut command = command(arguments);
            command.stdin(std::io::pipe().unwrap().0);
            finished(command)
        };
        let array = SharedArray::<f64, Ix1>::builder(5).name("nowhere");
        let _array = array.backend(BackendKind::Memfd).zeros().unwrap();
        let listing = run(&["ls", "--json"]).expect(0);
        assert_eq!(listing.segment("nowhere").unwrap()["backend"], "memfd");
        assert_eq!(listing.json()["foreign"], 0);
        run(&["stat", "nowhere"]).expect(0);
        let drawn = run(&["watch", "--count", "1"]).expect(0);
        assert!(drawn.out.contains("(nowhere)"), "{drawn:#?}");
        for arguments in [&["gc"][..], &["gc", "--dry-run"]] {
            let done = run(arguments).expect(0);
            assert!(done.out.starts_with("0 arrays, 0 bytes"), "{done:#?}");
        }
        run(&["stat", "nobody"]).expect(3);
        run(&["rm", "nobody"]).expect(3);
        0
    });
    assert!(child.wait().success());
}

pub(crate) fn nameless() {
    let (_child, pid) = held(|| keep(shared("nameless")));
    let done = shmarray(&["rm", "nameless"]).expect(0);
    assert!(done.out.contains(&format!(" {pid} ")), "tells who keeps it: {done:#?}");
    shmarray(&["stat", "nameless"]).expect(3);
    let done = shmarray(&["ls", "--json"]).expect(0);
    let segment = done.segment("nameless").unwrap();
    assert_eq!((&segment["backend"], &segment["named"]), (&json!("shm"), &json!(false)));
    let place = segment["place"].as_str().unwrap();
    assert_eq!(shmarray(&["ls"]).expect(0).row(place).unwrap()[9], "nameless");
    shmarray(&["rm", place]).expect(1);

    // A name in the /dev/shm of another container is none here.
    let (_contained, pid) = held(|| {
        if private::shm("size=4m") {
            keep(shared("elsewhere"));
        }
    });
    if !private::is_private() {
        return;
    }
    shmarray(&["stat", "elsewhere"]).expect(3);
    let segment = shmarray(&["ls", "--json"]).expect(0).segment("elsewhere").unwrap();
    let place = segment["place"].as_str().unwrap();
    assert!(place.starts_with(&format!("{pid}:")) && segment["named"] == true, "{segment:#}");
    assert_eq!(segment["in_use"], true, "by the kernel's word, whatever the container");
    assert_eq!(shmarray(&["ls"]).expect(0).row(place).unwrap()[9], "elsewhere");
    shmarray(&["rm", place]).expect(1);
}

pub(crate) fn locks() {
    let (_child, pid) = held(|| {
        let array = GuardedArray::<i32, Ix1>::builder(4).name("locks").backend(BackendKind::Shm);
        let array = array.zeros().unwrap();
        std::mem::forget(array.write().unwrap());
        keep(array);
    });
    let one = shmarray(&["stat", "locks", "--json"]).expect(0).json();
    assert_eq!(one["participants"][0]["pid"], pid, "{one:#}");
    assert_eq!(one["participants"][0]["alive"], true);
    let slot = &one["participants"][0]["slot"];
    assert_eq!(
        one["lock"],
        json!({
            "holder": slot,
            "holder_alive": true,
            "holder_waits": false,
            "is_waited_for": false,
            "sharers": [],
            "poisoned": false,
        })
    );
    drop(_child);
    let one = shmarray(&["stat", "locks", "--json"]).expect(0).json();
    assert_eq!((&one["participants"][0]["alive"], &one["in_use"]), (&json!(false), &json!(false)));
    assert_eq!(one["lock"]["holder_alive"], false);
    let done = shmarray(&["stat", "locks"]).expect(0);
    let told = format!("held by slot {slot}, which is dead, poisoned");
    assert_eq!(done.row("lock").unwrap()[1], told, "{done:#?}");
    shmarray(&["gc"]).expect(0);
    let array = GuardedArray::<i32, Ix1>::builder(4).name("waits").backend(BackendKind::Shm);
    let array = array.zeros().unwrap();
    let guard = array.read().unwrap();
    let writer = Child::fork(|| {
        drop(array.write().unwrap());
        0
    });
    let lock = || shmarray(&["stat", "waits"]).expect(0).row("lock").unwrap()[1].to_owned();
    process::die_if_hanging(60);
    while lock() != "slot 1 waits for slots [0]" {}
    let waits = json!({ "what": "sharers", "slots": [0] });
    let stat = || shmarray(&["stat", "waits", "--json"]).expect(0).json();
    while stat()["participants"][1]["waits_for"] != waits {}
    assert_eq!(stat()["participants"][0]["waits_for"], json!(null));
    assert!(shmarray(&["stat", "waits"]).expect(0).out.contains("waits: sharers of slots [0]"));
    drop(guard);
    assert!(writer.wait().success());
}

/// Names that match, in the order that is asked for, of one process.
pub(crate) fn filtered() {
    let make = |name: &str, len: usize| {
        let array = SharedArray::<u8, Ix1>::builder(len).name(name).backend(BackendKind::Shm);
        keep(array.zeros().unwrap());
    };
    let (one, pid) = held(|| {
        make("filtered-10", 10);
        make("filtered-9", 30);
    });
    let (_two, other) = held(|| make("filtered-100", 20));
    let names = |arguments: &[&str]| {
        let done = shmarray(&[&["ls", "filtered-*"], arguments].concat()).expect(0);
        let names =
            done.out.lines().skip(1).map(|line| line.split('\t').next().unwrap().to_owned());
        Vec::from_iter(names)
    };
    assert_eq!(names(&[]), ["filtered-9", "filtered-10", "filtered-100"]);
    assert_eq!(names(&["--sort", "size"]), ["filtered-9", "filtered-100", "filtered-10"]);
    assert_eq!(names(&["--sort", "age"]).len(), 3);
    assert_eq!(names(&["--pid", &other.to_string()]), ["filtered-100"]);
    assert_eq!(names(&["--pid", &pid.to_string()]), ["filtered-9", "filtered-10"]);
    assert_eq!(names(&["--pid", &std::process::id().to_string()]), [""; 0]);
    let json = shmarray(&["ls", "--json", "filtered-?"]).expect(0).json();
    assert_eq!(json["segments"].as_array().unwrap().len(), 1);
    let done = shmarray(&["ls", "filtered-9", "filtered-x"]).expect(3);
    assert!(done.out.contains("filtered-9\t") && done.err.contains("\"filtered-x\""), "{done:#?}");
    shmarray(&["ls", "--pid", "4294967295"]).expect(3);
    shmarray(&["ls", "filtered-[9"]).expect(2);
    // The error names the array that was meant.
    let done = shmarray(&["stat", "filtered-11"]).expect(3);
    assert!(done.err.contains("did you mean filtered-1"), "{done:#?}");
    drop(one);
    drop(_two);
    shmarray(&["gc"]).expect(0);
}
