//! What bears a name but is no segment of ours, and bytes that are not what they seem.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

#[allow(dead_code)] // some of it is for the other tests
mod common;

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::process::geteuid;
use shm_conformance::process;
use shm_conformance::user::{NOBODY, as_nobody};
use shm_conformance::{bytes, leaks, unique_name};
use shm_core::{Access, Error, ErrorKind, Handover, Name, Named, Segment};
use shm_posix::{Posix, Publish};
use shm_presence::{lock_name, try_alone};

use common::{Array, assert_all, attach, create, try_create};

fn main() {
    process::main(
        &[],
        &[
            ("a_name_that_leads_to_no_regular_file", no_regular_file),
            ("a_file_of_another_user", another_users_file),
            ("a_segment_of_another_user", another_users_segment),
            ("a_file_without_permissions", no_permissions),
            ("bytes_that_are_not_a_segment", wrong_bytes),
            ("a_sparse_file_without_end", sparse_file),
            ("a_segment_that_was_cut", cut_segment),
            ("a_reader_that_wants_to_write", reader_cannot_write),
            ("a_holder_that_does_not_let_go", stuck_holder),
            ("a_name_replaced_while_its_lock_is_waited_for", replaced_meanwhile),
        ],
    );
}

fn path(name: &Name) -> PathBuf {
    format!("/dev/shm/{name}").into()
}

/// The errors of everything that looks at what bears the name; nothing of it may change or leak.
fn errors(name: &Name) -> Vec<Error> {
    process::die_if_hanging(60);
    let before = leaks::Snapshot::take();
    let all = [
        attach(name, Access::ReadWrite).map(drop),
        attach(name, Access::ReadOnly).map(drop),
        try_create(Publish::Unnamed, name, 1, true).map(drop),
        try_create(Publish::Temporary, name, 1, true).map(drop),
        Posix::default().delete(name).map(drop),
    ];
    for publish in [Publish::Unnamed, Publish::Temporary] {
        let error = try_create(publish, name, 1, false).map(drop).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::AlreadyExists { .. }), "{error}");
    }
    before.assert_unchanged("all was refused");
    process::die_if_hanging(0);
    all.map(Result::unwrap_err).into()
}

/// What it is, and how to make it under the first name; the second bears a segment.
type Strange = (&'static str, fn(&Name, &Name));

fn no_regular_file() {
    let (name, target) = (unique_name("strange"), unique_name("target"));
    let segment = create(Publish::Unnamed, &target, 1, false);
    let strange: [Strange; 5] = [
        ("symbolic link", |name, target| symlink(path(target), path(name)).unwrap()),
        ("symbolic link", |name, _| symlink("nowhere", path(name)).unwrap()),
        ("directory", |name, _| fs::create_dir(path(name)).unwrap()),
        ("Fifo", |name, _| mkfifoat(CWD, path(name), Mode::RWXU).unwrap()),
        ("socket", |name, _| drop(UnixListener::bind(path(name)).unwrap())),
    ];
    for (what, make) in strange {
        make(&name, &target);
        for error in errors(&name) {
            let ErrorKind::NotASegment { object, reason } = error.kind() else { panic!("{error}") };
            assert_eq!(object, path(&name).to_str().unwrap());
            let is_told = reason.contains(what) || reason.contains("Directory");
            assert!(is_told, "{what}: {reason}");
        }
        fs::remove_file(path(&name)).or_else(|_| fs::remove_dir(path(&name))).unwrap();
    }
    assert_all(&segment, 1);
}

/// Only the superuser can give files away.
fn another_users_file() {
    if !geteuid().is_root() {
        return;
    }
    let name = unique_name("given-away");
    let segment = create(Publish::Unnamed, &name, 1, false);
    chown(path(&name), Some(NOBODY), None).unwrap();
    for error in errors(&name) {
        assert!(
            matches!(error.kind(), ErrorKind::WrongOwner { owner: NOBODY, me: 0, .. }),
            "{error}"
        );
    }
    drop(segment); // its last one out all the same: the name led to it
    assert_eq!(leaks::entries(), [""; 0]);
}

fn another_users_segment() {
    if !geteuid().is_root() {
        return;
    }
    let name = unique_name("foreign");
    let segment = create(Publish::Unnamed, &name, 1, false);
    as_nobody(|| {
        for error in errors(&name) {
            assert!(
                matches!(error.kind(), ErrorKind::WrongOwner { owner: 0, me: NOBODY, .. }),
                "{error}"
            );
        }
    });
    assert_all(&segment, 1);
    assert!(common::holds(&segment));
}

fn no_permissions() {
    let name = unique_name("mode-000");
    as_nobody(|| {
        let file = path(&name);
        fs::write(&file, "not for me").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o000)).unwrap();
        for error in errors(&name) {
            let ErrorKind::AccessDenied { object, .. } = error.kind() else { panic!("{error}") };
            assert_eq!(object, file.to_str().unwrap());
        }
        fs::remove_file(file).unwrap();
    });
}

/// A change of the bytes of a segment, and the error that it must be.
type Fault = (&'static str, fn(&mut Vec<u8>), fn(&ErrorKind) -> bool);

const FAULTS: [Fault; 21] = [
    ("empty", Vec::clear, |k| matches!(k, ErrorKind::Truncated { needs: 128, has: 0, .. })),
    ("short", |b| b.truncate(100), |k| matches!(k, ErrorKind::Truncated { has: 100, .. })),
    (
        "header only",
        |b| b.truncate(1024),
        |k| matches!(k, ErrorKind::Truncated { what: "segment", needs: 13_088, has: 1024 }),
    ),
    (
        "a byte short",
        |b| b.truncate(13_087),
        |k| matches!(k, ErrorKind::Truncated { needs: 13_088, has: 13_087, .. }),
    ),
    ("zeros", |b| b.fill(0), |k| matches!(k, ErrorKind::BadMagic { .. })),
    ("magic", |b| b[7] = b'X', |k| matches!(k, ErrorKind::BadMagic { .. })),
    ("byte order", |b| b[8..12].reverse(), |k| matches!(k, ErrorKind::ForeignByteOrder { .. })),
    (
        "version",
        |b| b[12] = 9,
        |k| matches!(k, ErrorKind::UnsupportedVersion { found: 9, supported: 5, .. }),
    ),
    (
        "version of before",
        |b| b[12] = 4,
        |k| matches!(k, ErrorKind::UnsupportedVersion { found: 4, supported: 5, .. }),
    ),
    ("cleanup", |b| b[14] = 9, |k| matches!(k, ErrorKind::Corrupt { .. })),
    ("order", |b| b[15] = 9, |k| matches!(k, ErrorKind::Corrupt { .. })),
    ("data beyond the end", |b| b[24..32].fill(0xff), |k| matches!(k, ErrorKind::Corrupt { .. })),
    (
        "segment of 8 EiB",
        |b| b[32..40].copy_from_slice(&i64::MAX.to_ne_bytes()),
        |k| matches!(k, ErrorKind::Truncated { what: "segment", has: 13_088, .. }),
    ),
    (
        "65535 axes",
        |b| b[68..70].fill(0xff),
        |k| matches!(k, ErrorKind::TooManyDimensions { ndim: 65535, .. }),
    ),
    ("a name of 64 KiB", |b| b[70..72].fill(0xff), |k| matches!(k, ErrorKind::Corrupt { .. })),
    ("slots over the data", |b| b[84..92].fill(0xff), |k| matches!(k, ErrorKind::Corrupt { .. })),
    ("no slots", |b| b[88..92].fill(0), |k| matches!(k, ErrorKind::Corrupt { .. })),
    ("4 billion slots", |b| b[88..92].fill(0xff), |k| matches!(k, ErrorKind::Corrupt { .. })),
    ("another shape", |b| b[1024] = 1, |k| matches!(k, ErrorKind::Corrupt { .. })),
    ("a name with a slash", |b| b[1032] = b'/', |k| matches!(k, ErrorKind::InvalidName { .. })),
    ("another dtype", |b| replace_dtype(b), |k| matches!(k, ErrorKind::InvalidDType { .. })),
];

fn replace_dtype(bytes: &mut [u8]) {
    let at = bytes.windows(3).position(|text| &text[1..] == b"u8").unwrap();
    bytes[at..at + 3].copy_from_slice(b"|O8");
}

fn wrong_bytes() {
    let name = unique_name("bytes");
    let whole = {
        let _segment = create(Publish::Unnamed, &name, 1, false);
        fs::read(path(&name)).unwrap()
    };
    fs::write(path(&name), &whole).unwrap();
    assert_all(&attach(&name, Access::ReadWrite).unwrap(), 1);
    for (what, change, is_expected) in FAULTS {
        let mut bytes = whole.clone();
        change(&mut bytes);
        fs::write(path(&name), bytes).unwrap();
        let before = leaks::Snapshot::take();
        for access in [Access::ReadWrite, Access::ReadOnly] {
            let error = attach(&name, access).map(drop).unwrap_err();
            assert!(is_expected(error.kind()), "{what}: {error}");
        }
        before.assert_unchanged(what);
        assert_all(&create(Publish::Unnamed, &name, 2, true), 2);
        assert!(Posix::default().delete(&name).unwrap());
    }
}

/// It takes no memory, but claims all there is.
fn sparse_file() {
    let name = unique_name("sparse");
    let file = File::create_new(path(&name)).unwrap();
    file.set_len(1 << 60).unwrap();
    file.write_all_at(b"garbage garbage garbage", 0).unwrap();
    file.write_all_at(b"garbage", 1 << 59).unwrap();
    let before = leaks::Snapshot::take();
    let error = attach(&name, Access::ReadOnly).map(drop).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::BadMagic { .. }), "{error}");

    // A header that is right in itself, of an array that the address space cannot hold.
    let small = unique_name("small");
    let mut bytes = {
        let _segment = create(Publish::Unnamed, &small, 1, false);
        fs::read(path(&small)).unwrap()
    };
    let huge = 1_u64 << 59;
    bytes[24..32].copy_from_slice(&huge.to_ne_bytes());
    bytes[32..40].copy_from_slice(&(huge + 12_288).to_ne_bytes());
    bytes[1024..1032].copy_from_slice(&(huge / 8).to_ne_bytes());
    file.write_all_at(&bytes, 0).unwrap();
    let error = attach(&name, Access::ReadOnly).map(drop).unwrap_err();
    let kind = error.kind();
    let is_expected = matches!(kind, ErrorKind::Os { call: "mmap", .. })
        || matches!(kind, ErrorKind::LimitReached { limit: "RLIMIT_AS", .. });
    assert!(is_expected && error.to_string().contains("576460752303435776"), "{error}");
    before.assert_unchanged("an endless file");
    assert!(Posix::default().delete(&name).unwrap());
}

/// Whoever has it may shorten it; then it can be neither attached nor mapped again.
fn cut_segment() {
    let name = unique_name("cut");
    let segment = create(Publish::Unnamed, &name, 1, false).segment;
    File::options().write(true).open(path(&name)).unwrap().set_len(12_600).unwrap();
    let before = leaks::Snapshot::take();
    for error in [segment.map().map(drop), attach(&name, Access::ReadOnly).map(drop)] {
        let error = error.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Truncated { needs: 13_088, has: 12_600, .. }),
            "{error}"
        );
    }
    before.assert_unchanged("a cut segment");
    drop(segment);
    assert_eq!(leaks::entries(), [""; 0]);
}

/// Whoever has attached for reading cannot have it otherwise, by mprotect(2) or by its descriptor.
fn reader_cannot_write() {
    let name = unique_name("reader");
    let writer = create(Publish::Unnamed, &name, 1, false);
    let reader = attach(&name, Access::ReadOnly).unwrap();
    assert!(bytes::can_become_writable(&writer.region));
    assert!(!bytes::can_become_writable(&reader.region));
    assert!(reader.segment.file().write_at(&[9], 0).is_err());
}

/// Somebody who was stopped in the middle of removing a name stops nobody else for ever.
fn stuck_holder() {
    let name = unique_name("stuck");
    let segment = create(Publish::Unnamed, &name, 1, false).segment;
    let stuck = File::options().read(true).write(true).open(path(&name)).unwrap();
    lock_name(&stuck).unwrap();
    let is_busy = |error: &Error| matches!(error.kind(), ErrorKind::Busy { waited_ms: 1.., .. });
    let error = Posix::default().delete(&name).unwrap_err();
    assert!(is_busy(&error), "{error}");
    drop(stuck);
    assert!(Posix::default().delete(&name).unwrap());
    drop(segment);

    fs::write(path(&name), "").unwrap();
    let stuck = File::options().read(true).write(true).open(path(&name)).unwrap();
    assert!(try_alone(&stuck).unwrap());
    let error = attach(&name, Access::ReadOnly).map(drop).unwrap_err();
    assert!(is_busy(&error), "{error}");
    drop(stuck);
    assert!(Posix::default().delete(&name).unwrap());
}

/// Whoever waited for the name's lock looks again: what he was to remove has lost the name.
fn replaced_meanwhile() {
    let removals: [fn(&Array, &Name); 2] = [
        |old, _| old.segment.destroy().unwrap(),
        |_, name| assert!(!Posix::default().delete(name).unwrap(), "the name is not free"),
    ];
    for remove in removals {
        let (name, other) = (unique_name("waited-for"), unique_name("next"));
        let old = create(Publish::Unnamed, &name, 1, false);
        let next = create(Publish::Unnamed, &other, 2, false);
        let stuck = File::options().read(true).write(true).open(path(&name)).unwrap();
        lock_name(&stuck).unwrap();
        let opened = || {
            let all = leaks::Snapshot::take().descriptors;
            all.iter().filter(|target| **target == path(&name)).count()
        };
        let before = opened();
        std::thread::scope(|scope| {
            scope.spawn(|| remove(&old, &name));
            while opened() == before {
                std::thread::yield_now();
            }
            fs::rename(path(&other), path(&name)).unwrap();
            drop(stuck);
        });
        assert_all(&attach(&name, Access::ReadWrite).unwrap(), 2);
        drop((old, next));
        assert!(Posix::default().delete(&name).unwrap());
    }
}
