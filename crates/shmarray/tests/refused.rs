//! Arrays on a system that refuses, for which the library chooses the backend: the next one that their
//! names and workers allow is taken, and what was asked for stays.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use std::cell::Cell;
use std::process::Command;

use rustix::process::Resource;
use shm_conformance::limits::limit;
use shm_conformance::process::{self, in_a_child};
use shm_conformance::refusals::{allow_writing_below, refuse_call};
use shm_conformance::{leaks, private};
use shmarray::prelude::*;
use shmarray::select::{Selection, Verdict, Why};
use shmarray::{Builder, Error, ErrorKind, Workers, set_backend};

const MIB: usize = 1 << 20;
/// Where a landlocked process may write all the same.
const ELSEWHERE: &str = "/tmp";

fn main() {
    process::main(
        &[("below_a_limit", |_| below_a_limit())],
        &[
            ("a_sandbox_without_dev_shm", || in_a_child(sandboxed)),
            ("a_name_in_a_sandbox_without_dev_shm", || in_a_child(named_in_a_sandbox)),
            ("what_is_asked_for_does_not_fall", || in_a_child(asked_for_in_a_sandbox)),
            ("spawned_workers_never_get_mmap", || in_a_child(spawned)),
            ("another_file_system_on_dev_shm", || in_a_child(proc_on_dev_shm)),
            ("a_file_system_without_fallocate", || in_a_child(ramfs_on_dev_shm)),
            ("a_limit_on_the_size_of_files", || in_a_child(file_size)),
            ("links_are_refused", || in_a_child(without_links)),
            ("contents_that_have_begun_are_not_asked_for_again", || in_a_child(contents_begun)),
            ("errors_of_a_name_do_not_fall", || in_a_child(wrong_names)),
            ("names_where_dev_shm_is_small", || in_a_child(names_and_labels)),
            ("a_quota_though_space_is_free", || in_a_child(quota)),
            ("a_limit_of_the_cgroup", cgroup),
        ],
    );
}

/// A `/dev/shm` that the automatic order takes.
fn roomy() -> bool {
    let is_roomy = private::shm("size=256m");
    if !is_roomy {
        println!("skipped: no /dev/shm of this process's own");
    }
    is_roomy
}

/// The same, which this process may not write to.
fn forbidden() -> bool {
    let is_forbidden = roomy() && allow_writing_below(&[ELSEWHERE]);
    if !is_forbidden {
        println!("skipped: no Landlock");
    }
    is_forbidden
}

fn zeros(len: usize) -> shmarray::Result<SharedArray<u8, Ix1>> {
    SharedArray::builder(len).zeros()
}

/// Why an array is not on `shm`.
fn why_not_shm(selection: &Selection) -> &Why {
    let is_shm = |one: &&shmarray::select::Candidate| one.backend == BackendKind::Shm;
    match &selection.candidates.iter().find(is_shm).unwrap().verdict {
        Verdict::PassedOver(why) => why,
        other => panic!("{other}"),
    }
}

fn sandboxed() {
    if !forbidden() {
        return;
    }
    let array = zeros(100).unwrap();
    assert_eq!(array.backend(), BackendKind::Memfd);
    let selection = array.selection().unwrap();
    let Why::RefusedToMake { reason, .. } = why_not_shm(selection) else { panic!("{selection}") };
    assert!(reason.contains("/dev/shm may not be written: Permission denied"), "{selection}");
    assert!(selection.fell_from().is_none(), "it is so for every array: {selection}");

    let path = format!("{ELSEWHERE}/refused-{}.npy", std::process::id());
    array.save(&path).unwrap();
    let calls = Cell::new(0);
    let count = |i: usize| {
        calls.set(calls.get() + 1);
        i as u64
    };
    let made = [
        SharedArray::<u64, Ix1>::builder(10).full(7).unwrap(),
        SharedArray::builder(10).from_fn(count).unwrap(),
        SharedArray::builder(10).order(Order::Fortran).from_fn(count).unwrap(),
        SharedArray::builder(3).copy_of(&ndarray::array![1, 2, 3]).unwrap(),
        SharedArray::builder(3).commit(Commit::Populate).zeros().unwrap(),
        SharedArray::builder(3).workers(Workers::Spawned).zeros().unwrap(),
    ];
    assert_eq!(calls.get(), 20);
    assert!(made.iter().all(|array| array.backend() == BackendKind::Memfd));
    let loaded = SharedArray::<u8, Ix1>::load(&path).create().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(loaded.backend(), BackendKind::Memfd);
    let forked = SharedArray::<u8, _>::builder(3).workers(Workers::Forked).zeros().unwrap();
    assert_eq!(forked.backend(), BackendKind::Mmap);
    // The process has found out, and does not try again.
    let selection = shmarray::select::select(&Default::default()).unwrap();
    assert_eq!(selection.chosen, BackendKind::Memfd, "{selection}");
}

fn named_in_a_sandbox() {
    if !forbidden() {
        return;
    }
    for _ in 0..2 {
        // Also once the process has found out.
        let error = SharedArray::<u8, _>::builder(3).name("promise").zeros().unwrap_err();
        let text = error.to_string();
        assert!(matches!(error.kind(), ErrorKind::NoNames { .. }), "{text}");
        for part in ["shm: the system refused to make an array", "Permission denied", "label"] {
            assert!(text.contains(part), "{text}");
        }
    }
    let label = SharedArray::<u8, _>::builder(3).label("label").zeros().unwrap();
    assert_eq!((label.backend(), label.name().as_str()), (BackendKind::Memfd, "label"));
    let builder = SharedArray::<u8, _>::builder(3).name("promise").workers(Workers::Forked);
    let forked = builder.zeros().unwrap();
    assert_eq!(forked.backend(), BackendKind::Mmap);
    in_a_child(|| drop(SharedArray::<u8, Ix1>::attach("promise").unwrap()));
}

fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::BackendRefused { backend: BackendKind::Shm, .. })
}

fn asked_for_in_a_sandbox() {
    if !forbidden() {
        return;
    }
    let builder = || SharedArray::<u8, _>::builder(3);
    let error = builder().backend(BackendKind::Shm).zeros().unwrap_err();
    assert!(is_refusal(&error), "{error}");
    set_backend(Some(BackendKind::Shm)).unwrap();
    let error = builder().zeros().unwrap_err();
    assert!(is_refusal(&error), "{error}");
    set_backend(None).unwrap();
    assert_eq!(builder().zeros().unwrap().backend(), BackendKind::Memfd);
    set_backend(Some(BackendKind::Memfd)).unwrap();
    let named = builder().name("asked-for").zeros().unwrap();
    assert_eq!(named.backend(), BackendKind::Memfd, "asked for, though it has no names");
}

fn spawned() {
    if !roomy() {
        return;
    }
    let spawned = || SharedArray::<u8, _>::builder(3).workers(Workers::Spawned).zeros();
    drop(spawned().unwrap());
    // After the probe, which has found that memfd works.
    refuse_call(libc::SYS_memfd_create, libc::EPERM);
    if !allow_writing_below(&[ELSEWHERE]) {
        return println!("skipped: no Landlock");
    }
    let error = spawned().unwrap_err();
    assert!(error.to_string().contains("memfd"), "{error}");
    let array = zeros(3).unwrap();
    assert_eq!(array.backend(), BackendKind::Mmap);
    assert!(array.selection().unwrap().warning().is_some());
}

fn proc_on_dev_shm() {
    if !private::other_shm("proc") {
        return println!("skipped: proc cannot be mounted");
    }
    let array = zeros(100).unwrap();
    assert_eq!(array.backend(), BackendKind::Memfd, "{}", array.selection().unwrap());
    let error = SharedArray::<u8, _>::builder(3).name("promise").zeros().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NoNames { .. }), "{error}");
}

fn ramfs_on_dev_shm() {
    if !private::other_shm("ramfs") {
        return println!("skipped: ramfs cannot be mounted");
    }
    let array = SharedArray::<u8, _>::builder(100).name("on-ramfs").full(5).unwrap();
    assert_eq!(array.backend(), BackendKind::Shm);
    assert_eq!(SharedArray::<u8, Ix1>::attach("on-ramfs").unwrap().get(99), Some(5));
}

/// `mmap` has no file: it is the last resort. The limit explains it, so smaller arrays stay on `shm`.
fn file_size() {
    if !roomy() {
        return;
    }
    limit(Resource::Fsize, MIB as u64);
    let calls = Cell::new(0);
    let large = SharedArray::builder(MIB / 4).from_fn(|i| {
        calls.set(calls.get() + 1);
        i as u64
    });
    let large = large.unwrap();
    assert_eq!((large.backend(), calls.get()), (BackendKind::Mmap, MIB / 4));
    let selection = large.selection().unwrap();
    assert!(why_not_shm(selection).to_string().contains("RLIMIT_FSIZE"), "{selection}");
    assert!(selection.fell_from().is_some() && selection.warning().is_some(), "{selection}");
    assert_eq!(zeros(10).unwrap().backend(), BackendKind::Shm);
    let spawned = SharedArray::<u8, _>::builder(2 * MIB).workers(Workers::Spawned).zeros();
    let error = spawned.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::LimitReached { .. }), "{error}");
}

fn without_links() {
    if !roomy() {
        return;
    }
    for errno in [libc::EACCES, libc::EPERM, libc::EXDEV] {
        in_a_child(|| {
            refuse_call(libc::SYS_linkat, errno);
            let calls = Cell::new(0);
            let array = SharedArray::builder(10).name("linked").from_fn(|i| {
                calls.set(calls.get() + 1);
                i as u64
            });
            let array = array.unwrap();
            assert_eq!((array.backend(), calls.get()), (BackendKind::Shm, 10));
            assert_eq!(SharedArray::<u64, Ix1>::attach("linked").unwrap().get(9), Some(9));
            drop(array);
            assert_eq!(leaks::entries(), [""; 0]);
        });
    }
}

fn contents_begun() {
    if !roomy() {
        return;
    }
    let refusal = || ErrorKind::NoSpace { needs: 2, has: Some(1), place: "a test".into() };
    let calls = Cell::new(0);
    let array = ErasedArray::builder("<u2".parse().unwrap(), &[3]).filled_by(|_| {
        calls.set(calls.get() + 1);
        Err(refusal().into())
    });
    let error = array.unwrap_err();
    assert_eq!(calls.get(), 1, "{error}");
    assert!(matches!(error.kind(), ErrorKind::NoSpace { needs: 2, .. }), "{error}");
    assert_eq!(leaks::entries(), [""; 0]);
}

fn wrong_names() {
    if !roomy() {
        return;
    }
    let builder = || SharedArray::<u8, _>::builder(3).label("taken");
    let _taken = builder().zeros().unwrap();
    let error = builder().zeros().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::AlreadyExists { .. }), "{error}");
    let error = builder().label("a/b").zeros().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidName { .. }), "{error}");
    let error = SharedArray::<u8, _>::builder([usize::MAX; 2]).zeros().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ShapeOverflow { .. }), "{error}");
}

/// As in Docker, where `/dev/shm` has 64 MiB; and where it is larger, for what it has no room for.
fn names_and_labels() {
    for (size, figure, len) in [("size=64m", "67108864", 10), ("size=256m", "268435456", 300 * MIB)]
    {
        in_a_child(|| {
            if !private::shm(size) {
                return println!("skipped: no /dev/shm of this process's own");
            }
            let builder = || SharedArray::<u8, _>::builder(len).commit(Commit::Lazy);
            let error = builder().name("promise").zeros().unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::NoNames { .. }), "{error}");
            assert!(error.to_string().contains(figure), "{error}");
            let spawned = builder().name("promise").workers(Workers::Spawned).zeros();
            assert!(matches!(spawned.unwrap_err().kind(), ErrorKind::NoNames { .. }));
            for label in [builder(), builder().label("label"), builder().unique("unique")] {
                assert_eq!(label.zeros().unwrap().backend(), BackendKind::Memfd);
            }
            let forked = builder().name("promise").workers(Workers::Forked).zeros().unwrap();
            assert_eq!(forked.backend(), BackendKind::Mmap);
        });
    }
}

fn quota() {
    if !roomy() {
        return;
    }
    refuse_call(libc::SYS_fallocate, libc::EDQUOT);
    let array = zeros(100).unwrap();
    assert_eq!(array.backend(), BackendKind::Memfd);
    let selection = array.selection().unwrap();
    let reason = why_not_shm(selection).to_string();
    assert!(reason.contains("this user's quota") && !reason.contains("free"), "{reason}");
    assert!(selection.fell_from().is_some(), "the next array may have room: {selection}");
}

/// A made-up cgroup with a limit of 64 MiB, in a mount namespace: nothing is killed if a check fails.
fn cgroup() {
    if !rustix::process::geteuid().is_root() {
        return println!("skipped: not root, so no cgroup can be made up");
    }
    let shell = r#"
        mount -t tmpfs -o size=1g tmpfs /dev/shm
        mount -t tmpfs tmpfs /sys/fs/cgroup
        mkdir /sys/fs/cgroup/memory
        echo 67108864 | tee /sys/fs/cgroup/memory.max > /sys/fs/cgroup/memory/memory.limit_in_bytes
        echo 0 > /sys/fs/cgroup/memory.swap.max
        printf 'anon 58720256\ntotal_rss 58720256\n' \
            | tee /sys/fs/cgroup/memory.stat > /sys/fs/cgroup/memory/memory.stat
        exec "$@""#;
    let status = Command::new("unshare")
        .args(["-m", "sh", "-ec", shell, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(process::role("below_a_limit", &[]))
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}

/// What was free, if the error says that the cgroup has too little.
fn refused_by_cgroup<T>(made: shmarray::Result<T>) -> u64 {
    let error = made.map(drop).unwrap_err();
    match error.kind() {
        ErrorKind::NoSpace { has: Some(has), place, .. } if place.contains("cgroup") => *has,
        _ => panic!("{error}"),
    }
}

/// Every way to make an array, on every backend and on none in particular. Of the 64 MiB, 8 are free
/// besides swap.
fn below_a_limit() {
    use BackendKind::{Memfd, Mmap, Shm};
    let builder = SharedArray::<u8, Ix1>::builder(1 << 40).backend(Shm);
    let free = usize::try_from(refused_by_cgroup(builder.zeros())).unwrap();
    assert!(free >= 8 * MIB);
    let swap = free - 8 * MIB;
    let path = format!("{ELSEWHERE}/cgroup-{}.npy", std::process::id());
    for len in [free + 1, 64 * MIB + swap + 1] {
        if len > 256 * MIB {
            println!("skipped: a machine with so much swap");
            break;
        }
        let contents = ndarray::Array1::<u8>::zeros(len);
        let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({len},), }}");
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend(u16::try_from(118).unwrap().to_le_bytes());
        file.extend(format!("{header:<117}\n").bytes());
        std::fs::write(&path, &file).unwrap();
        let sparse = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        sparse.set_len((file.len() + len) as u64).unwrap();
        for backend in [Some(Shm), Some(Memfd), Some(Mmap), None] {
            let builder = || {
                let builder = SharedArray::<u8, Ix1>::builder(len);
                backend.into_iter().fold(builder, Builder::backend)
            };
            let never = |_| -> u8 { panic!("called, though there is no room") };
            refused_by_cgroup(builder().commit(Commit::Populate).zeros());
            refused_by_cgroup(builder().full(1));
            refused_by_cgroup(builder().from_fn(never));
            refused_by_cgroup(builder().order(Order::Fortran).copy_of(&contents));
            refused_by_cgroup(builder().copy_of(&contents));
            let load = SharedArray::<u8, Ix1>::load(&path);
            let load = backend.into_iter().fold(load, shmarray::npy::Load::backend);
            refused_by_cgroup(load.progress(|_, _| panic!("read")).create());
            let erased = ErasedArray::builder("|u1".parse().unwrap(), &[len]);
            let erased = backend.into_iter().fold(erased, Builder::backend);
            refused_by_cgroup(erased.filled_by(|_| panic!("called")));
            if backend != Some(Mmap) {
                refused_by_cgroup(builder().commit(Commit::Reserve).zeros());
            }
            if len > 64 * MIB + swap || matches!(backend, Some(Shm) | None) {
                refused_by_cgroup(builder().zeros());
            }
            assert_eq!(leaks::entries(), [""; 0]);
        }
    }
    std::fs::remove_file(&path).unwrap_or_default();
}
