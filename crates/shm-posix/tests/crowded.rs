//! A `/dev/shm` full of what others have put there, and of what changes while it is looked at.
#![allow(clippy::unwrap_used)] // a failed step fails the test

#[allow(dead_code)] // some of it is for the other tests
mod common;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, makedev, mkfifoat, mknodat};
use shm_conformance::process::{self, Child};
use shm_conformance::{leaks, private, unique_name};
use shm_core::{Access, Cleanup, Header, Name, Named};
use shm_posix::{Posix, Publish};

use common::{assert_all, attach, create, try_create};

fn main() {
    process::main(
        &[("create", |_| drop(create(Publish::Unnamed, &unique_name("new"), 1, false)))],
        &[
            ("what_is_none_of_ours_is_left_alone", nothing_foreign_is_touched),
            ("files_that_change_meanwhile", changing_files),
        ],
    );
}

fn path(entry: impl AsRef<OsStr>) -> PathBuf {
    Path::new("/dev/shm").join(entry.as_ref())
}

/// The bytes of a whole segment.
fn whole(name: &Name) -> Vec<u8> {
    let _segment = create(Publish::Unnamed, name, 1, false);
    fs::read(path(name.as_str())).unwrap()
}

/// What would show that an entry was written to, replaced or moved.
fn facts() -> BTreeMap<OsString, Vec<i64>> {
    let facts_of = |entry: fs::DirEntry| {
        let it = fs::symlink_metadata(entry.path()).unwrap();
        let figures = [it.ino(), it.len(), it.mode().into(), it.blocks()].map(u64::cast_signed);
        let times = [it.mtime(), it.mtime_nsec(), it.ctime(), it.ctime_nsec()];
        (entry.file_name(), [figures, times].concat())
    };
    fs::read_dir("/dev/shm").unwrap().map(|entry| facts_of(entry.unwrap())).collect()
}

/// Puts files there that are random, cut, garbled and huge; returns the names of those that are
/// whole segments all the same, which nobody is present in.
fn put_files(whole: &[u8]) -> Vec<String> {
    let mut state = 0x5eed_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut segments = Vec::new();
    for number in 0..100 {
        let len = random(15_000);
        let noise: Vec<_> = (0..len).map(|_| random(256).to_le_bytes()[0]).collect();
        fs::write(path(format!("random-{number}")), &noise).unwrap();
        let garbage = [&b"SHMARRAY"[..], &noise].concat();
        fs::write(path(format!("magic-{number}")), garbage).unwrap();
        fs::write(path(format!("cut-{number}")), &whole[..random(whole.len())]).unwrap();
        let name = format!("garbled-{number}");
        let mut garbled = self::whole(&name.parse().unwrap());
        garbled[8 + random(1100)] ^= 1 << random(8);
        fs::write(path(&name), &garbled).unwrap();
        let is_segment = Header::decode(&garbled, garbled.len() as u64)
            .is_ok_and(|it| it.cleanup() != Cleanup::Persist && it.name().as_str() == name);
        segments.extend(is_segment.then_some(name));
    }
    let mut huge = whole[..8192].to_vec();
    huge[14] = 2; // it persists
    huge[24..32].copy_from_slice(&(1_u64 << 40).to_ne_bytes());
    huge[32..40].copy_from_slice(&((1_u64 << 40) + 12_288).to_ne_bytes());
    huge[1024..1032].copy_from_slice(&(1_u64 << 37).to_ne_bytes());
    for (name, bytes) in [("huge", &huge[..]), ("sparse", b""), ("sparse garbage", b"SHMARRAY!")] {
        let file = File::create(path(name)).unwrap();
        file.set_len((1 << 40) + 12_288).unwrap();
        file.write_all_at(bytes, 0).unwrap();
    }
    // Whole, under names that no array can have; and drafts that are none.
    let impossible: [&[u8]; 3] = [b"\x1b[2J", b"not \xff UTF-8", b".shmarray-tmp-\x07"];
    for name in impossible {
        fs::write(path(OsStr::from_bytes(name)), whole).unwrap();
    }
    fs::write(path(".shmarray-tmp-notes"), "not a draft").unwrap();
    segments.sort();
    segments
}

fn nothing_foreign_is_touched() {
    if !private::is_private() {
        return println!("skipped: needs a /dev/shm of its own");
    }
    let segments = put_files(&whole(&unique_name("whole")));
    let _socket = UnixListener::bind(path("socket")).unwrap();
    symlink(path(&segments[0]), path("symlink")).unwrap();
    fs::create_dir(path("folder")).unwrap();
    let device = FileType::CharacterDevice;
    let _ = mknodat(CWD, path("device"), device, Mode::RWXU, makedev(1, 3)); // not everybody may
    mkfifoat(CWD, path("fifo"), Mode::RWXU).unwrap();
    let writer = Child::fork(|| {
        process::die_if_hanging(100);
        drop(File::options().write(true).open(path("fifo")).unwrap()); // waits for a reader
        0
    });
    process::die_if_hanging(100);

    let all = facts();
    let leaks = leaks::Snapshot::take();
    let abandoned = Posix::default().abandoned().unwrap();
    let mut entries: Vec<_> = abandoned.iter().map(|it| it.entry.as_str()).collect();
    entries.sort_unstable();
    assert_eq!(entries, segments);
    assert!(facts() == all, "looking for garbage changes nothing");
    leaks.assert_unchanged("looking");

    let foreign = || {
        let mut foreign = facts();
        foreign.retain(|entry, _| entry.to_str().is_none_or(|it| !entries.contains(&it)));
        foreign
    };
    let before = foreign();
    process::play("create", &[]); // and collects what it may, in the time it has
    Posix::default().collect().unwrap();
    assert_eq!(facts().len(), all.len() - segments.len());
    assert!(foreign() == before, "the first create");
    assert!(!writer.ends_within(Duration::from_millis(20)), "the FIFO was opened");

    let names = before.keys().filter_map(|entry| Name::new(entry.to_str()?).ok());
    for name in names.filter(|name| name.as_str() != "fifo") {
        let leaks = leaks::Snapshot::take();
        for access in [Access::ReadOnly, Access::ReadWrite] {
            let attached = attach(&name, access).map(drop);
            let persists = name.as_str() == "huge" || name.as_str().starts_with("garbled");
            assert!(attached.is_err() || persists, "{name}");
        }
        try_create(Publish::Unnamed, &name, 2, false).map(drop).unwrap_err();
        leaks.assert_unchanged(name.as_str());
    }
    assert!(foreign() == before, "attaching");
    process::die_if_hanging(0);
    drop(writer);
    clear();
}

fn clear() {
    for entry in fs::read_dir("/dev/shm").unwrap() {
        let path = entry.unwrap().path();
        fs::remove_file(&path).or_else(|_| fs::remove_dir(&path)).unwrap();
    }
}

/// Errors, and whole arrays in between; no SIGBUS, as nobody touches the elements of what somebody
/// else may cut.
fn changing_files() {
    if !private::is_private() {
        return println!("skipped: needs a /dev/shm of its own");
    }
    let bytes = whole(&unique_name("whole"));
    let vandal = Child::fork(|| {
        process::die_if_hanging(100);
        for round in 0_usize.. {
            let write = |name: &str, bytes: &[u8]| drop(fs::write(path(name), bytes));
            write("rewritten", &bytes);
            write("rewritten", b"SHMARRAY garbage");
            let mut garbled = bytes.clone();
            garbled[8 + round * 7 % 1200] ^= 1 << (round % 8);
            write("garbled", &garbled);
            write("cut", &bytes);
            if let Ok(file) = File::options().write(true).open(path("cut")) {
                drop(file.set_len((round * 911 % 13_088) as u64));
            }
            write("next", &bytes);
            drop(fs::rename(path("next"), path("replaced")));
        }
        0
    });
    process::die_if_hanging(100);
    let before = leaks::Snapshot::take();
    let (mut attached, mut refused, mut round) = (0, 0, 0);
    while round < 200 || attached == 0 || refused == 0 {
        round += 1;
        for name in ["rewritten", "garbled", "cut", "replaced"].map(|name| Name::new(name).unwrap())
        {
            for access in [Access::ReadOnly, Access::ReadWrite] {
                match attach(&name, access) {
                    Ok(_) => attached += 1,
                    Err(_) => refused += 1,
                }
            }
            drop(try_create(Publish::Unnamed, &name, 2, round % 2 == 0));
            drop(Posix::default().delete(&name));
        }
        Posix::default().abandoned().unwrap();
        Posix::default().collect().unwrap();
        // Meanwhile, what nobody disturbs is as ever.
        let mine = unique_name("mine");
        let array = create(Publish::Unnamed, &mine, 3, false);
        assert_all(&attach(&mine, Access::ReadOnly).unwrap(), 3);
        drop(array);
        assert!(!path(mine.as_str()).exists());
    }
    println!("{round} rounds: {attached} attached, {refused} refused");
    assert!(!vandal.ends_within(Duration::ZERO), "it has failed");
    drop(vandal);
    process::die_if_hanging(0);
    clear();
    let after = leaks::Snapshot::take();
    assert_eq!((before.descriptors, before.mappings), (after.descriptors, after.mappings));
}
