//! Raw segments: what is refused, who removes a name, and who does not.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

#[allow(dead_code)] // some of it is for the other tests
mod common;

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;

use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::process::{Signal, geteuid};
use shm_conformance::process::{self, Child};
use shm_conformance::user::NOBODY;
use shm_conformance::{leaks, private, unique_name};
use shm_core::{Access, Commit, Error, ErrorKind, Name, Named};
use shm_posix::{Posix, Publish, RawSegment};
use shm_presence::ask_others;

use common::{assert_all, attach as attach_array, create as create_array};

fn main() {
    process::main(
        &[("create", |to| drop(create_array(Publish::Unnamed, &to[0].parse().unwrap(), 1, false)))],
        &[
            ("a_segment_is_made_whole_and_shared", made),
            ("a_taken_name", taken),
            ("what_is_no_raw_segment", refused),
            ("a_segment_that_is_too_short", short),
            ("a_segment_that_is_shortened_later", shortened),
            ("memory_that_is_not_there", no_space),
            ("a_name_stays_until_it_is_unlinked", stays),
            ("a_successor_is_left_alone", successor),
            ("a_forked_child_unlinks_nothing", forked),
            ("garbage_it_is_not", not_garbage),
        ],
    );
}

fn path(name: &Name) -> PathBuf {
    format!("/dev/shm/{name}").into()
}

fn create(name: &Name, len: usize) -> RawSegment {
    RawSegment::create(name, len, Commit::Auto, false).unwrap()
}

fn attach(name: &Name, needs: usize) -> Result<RawSegment, Error> {
    RawSegment::attach(name, needs, Access::ReadWrite, Commit::Auto)
}

fn address(segment: &RawSegment, at: usize) -> *mut u8 {
    assert!(at < segment.region().len());
    segment.region().start().as_ptr().wrapping_add(at)
}

fn write(segment: &RawSegment, at: usize, value: u8) {
    // SAFETY: within the mapping; nobody uses it at the same time.
    unsafe { address(segment, at).write_volatile(value) };
}

fn read(segment: &RawSegment, at: usize) -> u8 {
    // SAFETY: as above.
    unsafe { address(segment, at).read_volatile() }
}

fn made() {
    let name = unique_name("made");
    let made = create(&name, 10_000);
    let file = fs::metadata(path(&name)).unwrap();
    assert_eq!((file.len(), made.segment_len()), (10_000, 10_000));
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    assert!(file.blocks() * 512 >= 10_000, "its memory is reserved");
    assert_eq!(fs::read(path(&name)).unwrap(), [0; 10_000]);
    let found = attach(&name, 9000).unwrap();
    assert_eq!((found.region().len(), found.segment_len()), (9000, 10_000));
    write(&made, 8999, 7);
    assert_eq!(read(&found, 8999), 7);
    let reader = RawSegment::attach(&name, 9000, Access::ReadOnly, Commit::Auto).unwrap();
    assert_eq!((read(&reader, 8999), reader.region().access()), (7, Access::ReadOnly));
    let file = File::options().read(true).write(true).open(path(&name)).unwrap();
    assert!(!ask_others(&file).unwrap(), "nobody is present in a raw segment");
    made.unlink().unwrap();
    assert_eq!(leaks::entries(), [""; 0]);

    let empty = create(&name, 0);
    assert_eq!(fs::metadata(path(&name)).unwrap().len(), 1, "mmap(2) refuses an empty file");
    assert_eq!(attach(&name, 0).unwrap().region().len(), 0);
    empty.unlink().unwrap();
}

fn taken() {
    let name = unique_name("taken");
    fs::write(path(&name), "somebody's").unwrap();
    let before = leaks::Snapshot::take();
    let error = RawSegment::create(&name, 10, Commit::Auto, false).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::AlreadyExists { .. }), "{error}");
    before.assert_unchanged("a name that is taken");
    let forced = RawSegment::create(&name, 10, Commit::Auto, true).unwrap();
    assert_eq!(fs::read(path(&name)).unwrap(), [0; 10]);
    forced.unlink().unwrap();

    let killed = Child::idle(|| std::mem::forget(create_array(Publish::Unnamed, &name, 1, false)));
    drop(killed);
    create(&name, 10).unlink().unwrap(); // what kills leave blocks nobody
    assert_eq!(leaks::entries(), [""; 0]);
}

/// What attaching for reading and for writing says, and that it leaves nothing.
fn errors(name: &Name) -> [Error; 2] {
    process::die_if_hanging(60);
    let before = leaks::Snapshot::take();
    let attach = |access| RawSegment::attach(name, 1, access, Commit::Auto).unwrap_err();
    let errors = [attach(Access::ReadOnly), attach(Access::ReadWrite)];
    before.assert_unchanged("all was refused");
    process::die_if_hanging(0);
    errors
}

fn refused() {
    let (name, target) = (unique_name("refused"), unique_name("target"));
    for error in errors(&name) {
        assert!(matches!(error.kind(), ErrorKind::NotFound { .. }), "{error}");
    }
    let array = create_array(Publish::Unnamed, &target, 1, false);
    for error in errors(&target) {
        assert!(matches!(error.kind(), ErrorKind::NotRaw { .. }), "{error}");
        assert!(error.to_string().contains("SharedArray::attach"), "{error}");
    }
    assert_all(&array, 1);

    let strange: [fn(&Name, &Name); 3] = [
        |name, target| symlink(path(target), path(name)).unwrap(),
        |name, _| fs::create_dir(path(name)).unwrap(),
        |name, _| mkfifoat(CWD, path(name), Mode::RWXU).unwrap(),
    ];
    for make in strange {
        make(&name, &target);
        for error in errors(&name) {
            assert!(matches!(error.kind(), ErrorKind::NotASegment { .. }), "{error}");
        }
        fs::remove_file(path(&name)).or_else(|_| fs::remove_dir(path(&name))).unwrap();
    }
    if geteuid().is_root() {
        fs::write(path(&name), "not mine").unwrap();
        chown(path(&name), Some(NOBODY), None).unwrap();
        for error in errors(&name) {
            assert!(matches!(error.kind(), ErrorKind::WrongOwner { owner: NOBODY, .. }), "{error}");
        }
        fs::remove_file(path(&name)).unwrap();
    }
}

fn short() {
    let name = unique_name("short");
    for (content, needs) in [(&b""[..], 1), (b"SHMARRAX", 9), (b"SHMARRA", 8)] {
        fs::write(path(&name), content).unwrap();
        let before = leaks::Snapshot::take();
        let error = attach(&name, needs).unwrap_err();
        let ErrorKind::Truncated { needs: told, has, .. } = *error.kind() else {
            panic!("{error}")
        };
        assert_eq!((told, has), (needs as u64, content.len() as u64));
        before.assert_unchanged("a short segment");
        assert_eq!(fs::read(path(&name)).unwrap(), content);
        assert!(attach(&name, content.len()).is_ok());
    }
    File::create(path(&name)).unwrap().set_len(1 << 60).unwrap();
    let before = leaks::Snapshot::take();
    for strategy in [Commit::Auto, Commit::Lazy] {
        let error = RawSegment::attach(&name, 1 << 59, Access::ReadWrite, strategy).unwrap_err();
        assert!(error.to_string().contains("576460752303423488"), "{error}");
    }
    before.assert_unchanged("a segment without end");
    assert!(Posix::default().delete(&name).unwrap());
}

/// There is no defence, and the documents say so.
fn shortened() {
    let name = unique_name("shortened");
    let segment = create(&name, 100_000);
    let child = Child::fork(|| {
        File::options().write(true).open(path(&name)).unwrap().set_len(4096).unwrap();
        read(&segment, 99_999);
        0
    });
    assert_eq!(child.wait().signal(), Some(Signal::BUS.as_raw()));
    assert_eq!(read(&segment, 4095), 0);
    segment.unlink().unwrap();
}

/// Python gives a block its size and no memory: whoever attaches would find out by SIGBUS.
fn no_space() {
    if !private::is_private() {
        return; // it would fill everybody's
    }
    let (name, len) = (unique_name("sparse"), 80 << 20); // of 64 MiB
    let file = File::create_new(path(&name)).unwrap();
    file.set_len(len as u64).unwrap();
    let before = leaks::Snapshot::take();
    let error = attach(&name, len).unwrap_err();
    let ErrorKind::NoSpace { needs, has: Some(has), .. } = *error.kind() else { panic!("{error}") };
    assert!(needs == len as u64 && has < needs, "{error}");
    before.assert_unchanged("no space");
    assert_eq!(file.metadata().unwrap().len(), len as u64);

    let part = attach(&name, 1 << 20).unwrap();
    assert_eq!(file.metadata().unwrap().blocks() * 512, 1 << 20, "as much as was asked for");
    assert_eq!(file.metadata().unwrap().len(), len as u64);
    let lazy = RawSegment::attach(&name, len, Access::ReadWrite, Commit::Lazy).unwrap();
    write(&lazy, 1 << 20, 1);
    part.unlink().unwrap();
}

fn stays() {
    let name = unique_name("stays");
    drop(create(&name, 10));
    let found = attach(&name, 10).unwrap();
    drop(attach(&name, 10).unwrap());
    assert!(path(&name).exists());
    found.unlink().unwrap();
    found.unlink().unwrap();
    assert!(!path(&name).exists());
    write(&found, 9, 1); // those attached keep their memory
    assert_eq!(read(&found, 9), 1);
}

fn successor() {
    let name = unique_name("successor");
    let old = create(&name, 10);
    let next = RawSegment::create(&name, 20, Commit::Auto, true).unwrap();
    old.unlink().unwrap();
    assert_eq!(fs::metadata(path(&name)).unwrap().len(), 20);
    next.unlink().unwrap();

    let raw = create(&name, 10);
    let array = create_array(Publish::Unnamed, &name, 3, true);
    raw.unlink().unwrap();
    assert_all(&attach_array(&name, Access::ReadOnly).unwrap(), 3);
    drop(array);
    assert_eq!(leaks::entries(), [""; 0]);
}

fn forked() {
    let name = unique_name("forked");
    let segment = create(&name, 10);
    let child = Child::fork(|| {
        let error = segment.unlink().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ForkedChild { .. }), "{error}");
        write(&segment, 0, 5);
        0
    });
    assert!(child.wait().success());
    assert_eq!(read(&segment, 0), 5);
    segment.unlink().unwrap();
    assert!(!path(&name).exists());
}

/// Of all that looks for garbage, nothing touches a segment that is none of ours.
fn not_garbage() {
    let names = [(); 4].map(|()| unique_name("foreign"));
    drop(create(&names[0], 10));
    drop(create(&names[1], 1 << 20));
    fs::write(path(&names[2]), "SHMARRAY, but no header").unwrap();
    let file = File::create_new(path(&names[3])).unwrap();
    file.set_len(10_000).unwrap();
    file.write_all_at(b"from Python", 9000).unwrap();
    let before = leaks::entries();
    assert!(Posix::default().abandoned().unwrap().is_empty());
    assert!(Posix::default().collect().unwrap().is_empty());
    process::play("create", &[unique_name("first").as_str()]); // collects, as its first
    assert_eq!(leaks::entries(), before);
    for name in names {
        assert!(Posix::default().delete(&name).unwrap());
    }
}
