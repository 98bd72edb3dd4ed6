//! Descriptors that are no segment of ours, bytes that are not what they seem, and limits that are
//! reached in the middle.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::process::{Resource, getrlimit};
use shm_conformance::limits::{assert_reached, limit};
use shm_conformance::process::{self, Child, in_a_child};
use shm_conformance::{bytes, leaks, spec, unique_name};
use shm_core::{
    Access, Attached, Backend, Commit, Error, ErrorKind, Handover, Origin, Result, Sealable,
    Segment, Spec,
};
use shm_memfd::{FdOrOrigin, Memfd, MemfdSegment};

const MIB: u64 = 1 << 20;
const FIXED: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW);

fn main() {
    process::main(
        &[],
        &[
            ("descriptors_of_something_else", not_a_memfd),
            ("memfds_without_the_seals", wrong_seals),
            ("bytes_that_are_not_a_segment", wrong_bytes),
            ("an_origin_that_is_not_there", no_origin),
            ("frozen_means_frozen", frozen),
            ("not_frozen_while_a_child_can_write", child_can_write),
            ("out_of_descriptors", || in_a_child(descriptors)),
            ("out_of_address_space", || in_a_child(address_space)),
            ("size_of_files", || in_a_child(size_of_files)),
            ("more_memory_than_there_is", || in_a_child(memory)),
        ],
    );
}

type Array = Attached<MemfdSegment>;

fn create(commit: Commit, bytes: u64) -> Result<Array> {
    let len = usize::try_from(bytes / 8).unwrap();
    Memfd.create(&Spec { commit, ..spec(&unique_name("memfd"), len) }, None)
}

fn array() -> Array {
    create(Commit::Auto, 800).unwrap()
}

fn copy(segment: &MemfdSegment) -> OwnedFd {
    segment.file().try_clone().unwrap().into()
}

/// The error of attaching in each way, which must leave no descriptor and no mapping.
fn errors(make: impl Fn() -> OwnedFd) -> Vec<Error> {
    process::die_if_hanging(60);
    let before = leaks::Snapshot::take();
    let attach =
        |access| Memfd.attach(FdOrOrigin::Fd(make().into()), access).map(drop).unwrap_err();
    let errors = [Access::ReadWrite, Access::ReadOnly].map(attach);
    before.assert_unchanged("what was handed over was refused");
    process::die_if_hanging(0);
    errors.into()
}

fn not_a_memfd() {
    let others: [fn() -> OwnedFd; 6] = [
        || std::io::pipe().unwrap().0.into(),
        || std::io::pipe().unwrap().1.into(),
        || UnixStream::pair().unwrap().0.into(),
        || File::open("/dev/null").unwrap().into(),
        || File::open("/proc").unwrap().into(),
        || File::open("/proc/self/status").unwrap().into(),
    ];
    for other in others {
        for error in errors(other) {
            assert!(matches!(error.kind(), ErrorKind::NotASegment { .. }), "{error}");
        }
    }
}

fn memfd(contents: &[u8], len: u64, seals: SealFlags) -> OwnedFd {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = File::from(memfd_create("hostile", flags).unwrap());
    file.set_len(len).unwrap();
    file.write_all_at(contents, 0).unwrap();
    fcntl_add_seals(&file, seals).unwrap();
    file.into()
}

fn whole() -> Vec<u8> {
    let segment = array().segment;
    let file = File::from(copy(&segment));
    let mut contents = vec![0; usize::try_from(segment.header().segment_len()).unwrap()];
    file.read_exact_at(&mut contents, 0).unwrap();
    contents
}

fn wrong_seals() {
    let whole = whole();
    let cases = [
        (SealFlags::empty(), "SHRINK | GROW"),
        (SealFlags::SHRINK, "GROW"),
        (SealFlags::GROW | SealFlags::WRITE, "SHRINK"),
        (SealFlags::SEAL, "SHRINK | GROW"),
    ];
    for (seals, lacking) in cases {
        for error in errors(|| memfd(&whole, whole.len() as u64, seals)) {
            let ErrorKind::NotSealed { missing } = error.kind() else { panic!("{error}") };
            assert!(missing.contains(lacking), "{seals:?}: {missing}");
        }
    }
    // Sealed against writing, but not for good: nobody can write, but it does not count as frozen.
    let fd = memfd(&whole, whole.len() as u64, FIXED | SealFlags::WRITE);
    let reader = Memfd.attach(FdOrOrigin::Fd(fd.into()), Access::ReadOnly).unwrap();
    assert!(!reader.segment.is_frozen());
    // For good, but only against those who come later: whoever maps it already can write.
    let fd = memfd(&whole, whole.len() as u64, FIXED | SealFlags::FUTURE_WRITE | SealFlags::SEAL);
    let reader = Memfd.attach(FdOrOrigin::Fd(fd.into()), Access::ReadOnly).unwrap();
    assert!(!reader.segment.is_frozen());
}

fn wrong_bytes() {
    let whole = whole();
    let sealed = |contents: &[u8], len| errors(|| memfd(contents, len, FIXED));
    for error in sealed(b"", 0) {
        assert!(matches!(error.kind(), ErrorKind::Truncated { has: 0, .. }), "{error}");
    }
    for error in sealed(b"garbage garbage", 1 << 50) {
        assert!(matches!(error.kind(), ErrorKind::BadMagic { .. }), "{error}");
    }
    for error in sealed(&whole[..8191], 8191) {
        assert!(matches!(error.kind(), ErrorKind::Truncated { has: 8191, .. }), "{error}");
    }
    let mut longer = whole.clone();
    longer[32..40].copy_from_slice(&i64::MAX.to_ne_bytes());
    for error in sealed(&longer, whole.len() as u64) {
        let ErrorKind::Truncated { needs, has, .. } = error.kind() else { panic!("{error}") };
        assert_eq!((*needs, *has), (i64::MAX.unsigned_abs(), whole.len() as u64));
    }
}

fn no_origin() {
    let array = array();
    let fd = u32::try_from(array.segment.file().as_raw_fd()).unwrap();
    let pid = std::process::id();
    let here = FdOrOrigin::Origin(Origin { pid, fd });
    drop(Memfd.attach(here, Access::ReadWrite).unwrap());
    let before = leaks::Snapshot::take();
    for origin in [Origin { pid, fd: 1 << 20 }, Origin { pid: u32::MAX, fd }, Origin { pid: 0, fd }]
    {
        let error =
            Memfd.attach(FdOrOrigin::Origin(origin), Access::ReadOnly).map(drop).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NotFound { .. }), "{error}");
    }
    before.assert_unchanged("origins that are not there");
}

fn frozen() {
    let Attached { region, segment } = array();
    bytes::set(&region, 12_300, 7);
    let before = leaks::Snapshot::take();
    let error = segment.freeze().map(drop).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::StillWritable { .. }), "{error}");
    before.assert_unchanged("freezing was refused");
    drop(region);
    let frozen = segment.freeze().unwrap();
    assert!(frozen.segment.is_frozen());
    assert_eq!(bytes::get(&frozen.region, 12_300), 7);
    assert!(!bytes::is_writable(&frozen.region, 12_300));
    assert!(!bytes::can_become_writable(&frozen.region));

    let error = segment.map().map(drop).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Os { call: "mmap", .. }), "{error}");
    let error = Memfd
        .attach(FdOrOrigin::Fd(copy(&segment).into()), Access::ReadWrite)
        .map(drop)
        .unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::AccessDenied { .. }), "{error}");
    let mut file = File::from(copy(&segment));
    assert!(file.write_all(b"not any more").is_err() && file.set_len(1).is_err());
    let reader = Memfd.attach(FdOrOrigin::Fd(copy(&segment).into()), Access::ReadOnly).unwrap();
    assert!(reader.segment.is_frozen());
    assert_eq!(bytes::get(&reader.region, 12_300), 7);
}

/// A forked child that has the array mapped could write: freezing waits until it is gone.
fn child_can_write() {
    let Attached { region, segment } = array();
    let (reader, writer) = std::io::pipe().unwrap();
    let mut writer = Some(writer);
    let child = Child::fork(|| {
        drop(writer.take());
        i32::try_from(std::io::Read::read(&mut &reader, &mut [0]).unwrap()).unwrap()
    });
    drop(region);
    let error = segment.freeze().map(drop).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::StillWritable { .. }), "{error}");
    drop(segment.map().unwrap());
    drop(writer);
    assert!(child.wait().success());
    assert!(segment.freeze().unwrap().segment.is_frozen());
}

fn descriptors() {
    let array = array();
    let handed = copy(&array.segment);
    // The limit is on their numbers, so it is the lowest free one.
    let open = u64::try_from(File::open("/dev/null").unwrap().as_raw_fd()).unwrap();
    let before = leaks::Snapshot::take();
    let everything = getrlimit(Resource::Nofile).current.unwrap();
    limit(Resource::Nofile, open);
    assert_reached(create(Commit::Auto, 800), "RLIMIT_NOFILE", open);
    assert_reached(array.segment.freeze(), "RLIMIT_NOFILE", open);
    limit(Resource::Nofile, everything);
    before.assert_unchanged("out of descriptors");
    limit(Resource::Nofile, open);
    assert_reached(
        Memfd.attach(FdOrOrigin::Fd(handed.into()), Access::ReadOnly),
        "RLIMIT_NOFILE",
        open,
    );
}

fn address_space() {
    let array = create(Commit::Lazy, 256 * MIB).unwrap();
    let before = leaks::Snapshot::take();
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
    let most = pages * 4096 + 64 * MIB;
    limit(Resource::As, most);
    assert_reached(create(Commit::Lazy, 256 * MIB), "RLIMIT_AS", most);
    let attached = Memfd.attach(FdOrOrigin::Fd(copy(&array.segment).into()), Access::ReadOnly);
    assert_reached(attached, "RLIMIT_AS", most);
    assert_reached(array.segment.map(), "RLIMIT_AS", most);
    before.assert_unchanged("out of address space");
}

/// The kernel would send SIGXFSZ, which ends the process.
fn size_of_files() {
    let before = leaks::Snapshot::take();
    limit(Resource::Fsize, MIB);
    for commit in [Commit::Auto, Commit::Lazy, Commit::Reserve, Commit::Populate] {
        assert_reached(create(commit, 2 * MIB), "RLIMIT_FSIZE", MIB);
    }
    before.assert_unchanged("files that are too large");
}

/// It is refused before the machine is filled. Should it ever not be, this child goes first.
fn memory() {
    std::fs::write("/proc/self/oom_score_adj", "1000").unwrap();
    let before = leaks::Snapshot::take();
    for commit in [Commit::Auto, Commit::Reserve, Commit::Populate] {
        let error = create(commit, 1 << 46).map(drop).unwrap_err();
        let ErrorKind::NoSpace { needs, has: Some(has), .. } = error.kind() else {
            panic!("{error}")
        };
        assert!(*needs == (1 << 46) + 12_288 && *has < *needs, "{error}");
    }
    before.assert_unchanged("more memory than there is");
}
