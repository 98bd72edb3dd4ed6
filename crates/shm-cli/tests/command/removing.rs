//! `rm` and `gc`: what goes, what stays, and what is said of it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Stdio;

use serde_json::json;
use shm_conformance::process::{Child, Partner, ready};
use shm_conformance::{leaks, private};
use shmarray::Cleanup;
use shmarray::prelude::*;

use crate::listing::{held, keep, shared};
use crate::run::{command, finished, shmarray};

fn exists(entry: &str) -> bool {
    fs::exists(format!("/dev/shm/{entry}")).unwrap()
}

/// A part of this program: has an array until it may go on, and finds in it what was there.
pub(crate) fn hold() {
    let array = shared("kept");
    array.fill(2.5);
    ready();
    assert_eq!(array.get((29, 49)), Some(2.5));
}

pub(crate) fn garbage() {
    if !private::is_private() {
        return;
    }
    let before = leaks::entries();
    let (_user, _) = held(|| keep(shared("garbage-used")));
    held(|| {
        keep(shared("garbage-1"));
        keep(shared("garbage-2"));
        let persist = SharedArray::<u8, Ix1>::builder(10).name("garbage-persist");
        let persist = persist.backend(BackendKind::Shm).cleanup(Cleanup::Persist);
        keep(persist.zeros().unwrap());
    });
    fs::write("/dev/shm/garbage-foreign", "").unwrap();
    let all = leaks::entries();
    assert_eq!(all.len(), before.len() + 5);

    let report = shmarray(&["gc", "--dry-run", "--json"]).expect(0).json();
    let places = |report: &serde_json::Value| {
        let segments = report["segments"].as_array().unwrap().iter();
        Vec::from_iter(segments.map(|segment| segment["place"].as_str().unwrap().to_owned()))
    };
    assert_eq!(places(&report), ["garbage-1", "garbage-2"]);
    let bytes = fs::metadata("/dev/shm/garbage-1").unwrap().len();
    assert_eq!((&report["bytes"], &report["dry_run"]), (&json!(2 * bytes), &json!(true)));
    let told = shmarray(&["gc", "--dry-run"]).expect(0);
    assert_eq!(told.row("garbage-1").unwrap()[1], bytes.to_string());
    let sum = format!("2 arrays, {} bytes would be removed", 2 * bytes);
    assert_eq!(told.out.lines().last(), Some(sum.as_str()));
    assert_eq!(leaks::entries(), all, "a dry run removes nothing");

    let report = shmarray(&["gc", "--json"]).expect(0).json();
    assert_eq!((places(&report).len(), &report["dry_run"]), (2, &json!(false)));
    assert!(!exists("garbage-1") && !exists("garbage-2"));
    assert!(exists("garbage-used") && exists("garbage-persist") && exists("garbage-foreign"));
    let left = "garbage-persist is left: it is to persist; `shmarray rm` removes it\n";
    let told = shmarray(&["gc"]).expect(0).out;
    assert_eq!(told, format!("{left}0 arrays, 0 bytes removed\n"));

    drop(_user);
    let told = shmarray(&["gc"]).expect(0);
    assert_eq!(told.out.lines().last(), Some(format!("1 array, {bytes} bytes removed").as_str()));
    shmarray(&["rm", "garbage-persist"]).expect(0);
    fs::remove_file("/dev/shm/garbage-foreign").unwrap();
    assert_eq!(leaks::entries(), before);
}

pub(crate) fn names() {
    let partner = Partner::start("hold", &[]);
    // Its arguments tell it from another part of the same program.
    let stat = shmarray(&["stat", "kept", "--json"]).expect(0).json();
    let process = &stat["processes"][0];
    let cmdline = fs::read_to_string(format!("/proc/{}/cmdline", process["pid"])).unwrap();
    let arguments = Vec::from_iter(cmdline.trim_end_matches('\0').split('\0').skip(1));
    assert!(!arguments.is_empty());
    assert_eq!(process["arguments"], json!(arguments));
    let who = shmarray(&["watch", "kept", "--count", "1"]).expect(0);
    assert!(who.row("kept").unwrap()[6].contains(arguments[0]), "{who:#?}");
    let done = shmarray(&["rm", "kept"]).expect(0);
    assert!(done.out.starts_with("kept: removed; kept by "), "{done:#?}");
    assert!(!exists("kept"));
    shmarray(&["rm", "kept"]).expect(3);
    partner.finish(); // it still has what was in it

    let child = Child::fork(|| {
        let persist = SharedArray::<u8, Ix1>::builder(10).name("persisted");
        let persist = persist.backend(BackendKind::Shm).cleanup(Cleanup::Persist);
        drop(persist.zeros().unwrap());
        0
    });
    assert!(child.wait().success());
    assert_eq!(shmarray(&["rm", "persisted"]).expect(0).out, "persisted: removed\n");
    assert!(!exists("persisted"));
}

pub(crate) fn others() {
    fs::write("/dev/shm/other-text", "SHMARR").unwrap();
    fs::write("/dev/shm/other-empty", "").unwrap();
    fs::create_dir("/dev/shm/other-folder").unwrap();
    std::os::unix::fs::symlink("other-text", "/dev/shm/other-link").unwrap();
    for name in ["other-text", "other-empty", "other-folder", "other-link"] {
        let refused = shmarray(&["rm", name]).expect(1);
        assert!(refused.err.contains("left alone"), "{refused:#?}");
        assert!(fs::symlink_metadata(format!("/dev/shm/{name}")).is_ok(), "{name}");
    }
    // A broken file that begins as an array does is ours.
    fs::write("/dev/shm/other-broken", "SHMARRAY and then nothing that fits").unwrap();
    let done = shmarray(&["rm", "other-broken"]).expect(0);
    assert!(done.out.contains("could not be read"), "{done:#?}");
    assert!(!exists("other-broken"));
    fs::write("/dev/shm/.shmarray-tmp-0123", "").unwrap();
    let refused = shmarray(&["rm", ".shmarray-tmp-0123"]).expect(1);
    assert!(refused.err.contains("shmarray gc"), "{refused:#?}");
    assert!(exists(".shmarray-tmp-0123"));
    shmarray(&["gc"]).expect(0);
    assert!(!exists(".shmarray-tmp-0123"));
    fs::remove_dir("/dev/shm/other-folder").unwrap();
    for name in ["other-text", "other-empty", "other-link"] {
        fs::remove_file(format!("/dev/shm/{name}")).unwrap();
    }
}

/// Another user may not look into this process.
pub(crate) fn hidden() {
    let other = |arguments: &[&str]| {
        let mut command = command(arguments);
        command.uid(65534).gid(65534);
        command
    };
    // Only root may become another user, who must be able to read the program.
    if !other(&["--version"]).stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        println!("not tested: it takes root, and a program that others may run");
        return;
    }
    let done = finished(other(&["rm", &format!("{}:1", std::process::id())])).expect(1);
    assert!(done.err.contains("cannot be looked at, and left alone: "), "{done:#?}");
}

pub(crate) fn several() {
    let make = || drop(held(|| keep(["several-1", "several-2"].map(shared))));
    make();
    let done = shmarray(&["rm", "several-1", "several-0", "several-2", "several-9"]).expect(3);
    assert!(!exists("several-1") && !exists("several-2"), "each is tried: {done:#?}");
    assert_eq!((done.out.lines().count(), done.err.lines().count()), (2, 2), "{done:#?}");
    make();
    fs::write("/dev/shm/several-foreign", "").unwrap();
    shmarray(&["rm", "several-0", "several-1", "several-foreign", "several-2"]).expect(1);
    assert!(!exists("several-1") && !exists("several-2"));
    fs::remove_file("/dev/shm/several-foreign").unwrap();
}

/// `rm` removes an entry whose name no array can have, by its bytes and as `ls` writes it.
pub(crate) fn odd_names() {
    let entry = |name: &OsStr| std::path::Path::new("/dev/shm").join(name);
    for (name, shown) in [(&b"odd\xff"[..], "odd\\xff"), (b"odd\x1b", "odd\\u{1b}")] {
        let name = OsStr::from_bytes(name);
        for asked in [name, OsStr::new(shown)] {
            fs::write(entry(name), "SHMARRAY and then nothing that fits").unwrap();
            assert!(shmarray(&["ls"]).expect(0).err.contains(shown));
            let mut rm = command(&["rm", "--"]);
            rm.arg(asked);
            assert!(finished(rm).expect(0).out.contains("removed"));
            assert!(!entry(name).exists(), "{asked:?}");
        }
        // A file that is none of ours is left alone.
        fs::write(entry(name), "something else").unwrap();
        let mut rm = command(&["rm", "--"]);
        rm.arg(name);
        finished(rm).expect(1);
        fs::remove_file(entry(name)).unwrap();
    }
}

/// Arrays of another user are shown with their owner, and told where they are left.
pub(crate) fn of_others() {
    use std::os::unix::fs::chown;
    drop(held(|| keep(shared("others-dead"))));
    if chown("/dev/shm/others-dead", Some(65534), Some(65534)).is_err() {
        println!("not tested: only root gives files away");
        shmarray(&["gc"]).expect(0);
        return;
    }
    let stat = shmarray(&["stat", "others-dead", "--json"]).expect(0).json();
    assert_eq!(stat["owner"], 65534);
    let report = shmarray(&["gc", "--json"]).expect(0).json();
    assert_eq!(report["segments"], json!([]));
    let left = &report["left"][0];
    assert_eq!((&left["place"], &left["owner"]), (&json!("others-dead"), &json!(65534)));
    let told = shmarray(&["gc"]).expect(0).out;
    assert!(told.starts_with("others-dead is left: it belongs to "), "{told}");
    assert!(exists("others-dead"));
    fs::remove_file("/dev/shm/others-dead").unwrap();
}
