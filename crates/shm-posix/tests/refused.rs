//! Calls that a hardened kernel, a sandbox or another file system refuses: segments are made by the next
//! best way, whole, and the caller's contents are asked for once.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

#[allow(dead_code)] // some of it is for the other tests
mod common;

use std::cell::Cell;

use libc::c_long;
use shm_conformance::process::{self, in_a_child};
use shm_conformance::refusals::{refuse_call, refuse_call_with};
use shm_conformance::{bytes, leaks, private, spec, unique_name};
use shm_core::{
    Access, Backend, Commit, ErrorKind, Fill, Handover, Header, Region, Result, Segment, Sink, Spec,
};
use shm_posix::{Posix, Publish, RawSegment};

use common::{assert_all, attach, create, holds, try_create};

const COMMITS: [Commit; 4] = [Commit::Auto, Commit::Lazy, Commit::Reserve, Commit::Populate];
const MIB: u64 = 1 << 20;

fn main() {
    process::main(
        &[],
        &[
            ("a_link_is_refused", || {
                for errno in [libc::EACCES, libc::EPERM, libc::EXDEV, libc::ENOSYS] {
                    in_a_child(|| without_links(errno));
                }
            }),
            ("contents_are_asked_for_once", || in_a_child(contents_once)),
            ("a_raw_segment_without_links", || in_a_child(raw_without_links)),
            ("a_file_without_a_name_is_refused", || {
                for errno in [libc::EACCES, libc::EPERM, libc::EOPNOTSUPP, libc::ENOSYS] {
                    in_a_child(|| without_unnamed_files(errno));
                }
            }),
            ("renaming_without_replacing_is_refused", || {
                for errno in [libc::EINVAL, libc::ENOSYS, libc::EPERM] {
                    in_a_child(|| without_renameat2(errno));
                }
            }),
            ("no_way_to_publish_is_left", || in_a_child(no_way_to_publish)),
            ("allocating_is_refused", || {
                for errno in [libc::ENOSYS, libc::EOPNOTSUPP] {
                    in_a_child(|| without_allocating(errno));
                }
            }),
            ("no_space_without_allocating", || in_a_child(full_without_allocating)),
            ("a_file_system_without_fallocate", || in_a_child(on_ramfs)),
            ("a_file_system_that_is_no_place_for_files", || in_a_child(on_proc)),
            ("a_quota_though_space_is_free", || {
                for errno in [libc::ENOSPC, libc::EDQUOT, libc::ENOMEM] {
                    in_a_child(|| quota(errno));
                }
            }),
        ],
    );
}

/// Makes, finds, replaces and refuses to replace; nothing but the name is ever there.
fn assert_all_works(publish: Publish) {
    let name = unique_name("refused");
    let array = create(publish, &name, 1, false);
    assert!(holds(&array));
    assert_all(&attach(&name, Access::ReadWrite).unwrap(), 1);
    let error = try_create(publish, &name, 2, false).map(drop).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::AlreadyExists { .. }), "{error}");
    let successor = create(publish, &name, 3, true);
    assert!(holds(&successor) && !holds(&array));
    assert_all(&array, 1);
    assert_eq!(leaks::entries(), [name.to_string()]);
    drop((array, successor));
    assert_eq!(leaks::entries(), [""; 0]);
}

fn without_links(errno: i32) {
    refuse_call(libc::SYS_linkat, errno);
    assert_all_works(Publish::Unnamed);
}

/// However they are given: `contents_once` is the first array of its process, which finds out.
fn contents_once() {
    const LEN: usize = 100_000;
    refuse_call(libc::SYS_linkat, libc::EPERM);
    let calls = Cell::new(0);
    let mut in_place = |header: &Header, region: &dyn Region| -> Result<()> {
        calls.set(calls.get() + 1);
        bytes::fill(header, region, 7);
        Ok(())
    };
    let mut in_order = |to: &mut dyn Sink| {
        calls.set(calls.get() + 1);
        to.write(&vec![7; LEN * 8])
    };
    let mut again = in_order;
    let begun = Cell::new(false);
    for fill in [
        Fill::InPlace(&mut in_place),
        Fill::InOrder(&mut in_order),
        Fill::InOrderOnce(&mut again, &begun),
    ] {
        let what = format!("{fill:?}");
        let fill = Cell::new(Some(fill));
        in_a_child(|| {
            let array =
                Posix::default().create(&spec(&unique_name("once"), LEN), fill.take()).unwrap();
            assert_eq!(calls.get(), 1, "{what}");
            assert_eq!(bytes::data(array.segment.header(), &array.region), vec![7; LEN * 8]);
            assert!(holds(&array), "{what}");
            drop(array);
            assert_eq!(leaks::entries(), [""; 0], "{what}");
        });
    }
}

fn raw_without_links() {
    refuse_call(libc::SYS_linkat, libc::EXDEV);
    let name = unique_name("raw");
    let raw = RawSegment::create(&name, 100, Commit::Auto, false).unwrap();
    assert_eq!(leaks::entries(), [name.to_string()]);
    raw.unlink().unwrap();
}

fn without_unnamed_files(errno: i32) {
    let unnamed = libc::O_TMPFILE & !libc::O_DIRECTORY;
    refuse_call_with(libc::SYS_openat, 2, unnamed.unsigned_abs(), errno);
    assert_all_works(Publish::Unnamed);
}

fn without_renameat2(errno: i32) {
    const NOREPLACE: u32 = 1;
    refuse_call_with(libc::SYS_renameat2, 4, NOREPLACE, errno);
    assert_all_works(Publish::Temporary);
}

fn no_way_to_publish() {
    let before = leaks::Snapshot::take();
    refuse_call(libc::SYS_linkat, libc::EPERM);
    refuse_call_with(libc::SYS_renameat2, 4, 1, libc::EACCES);
    let error =
        try_create(Publish::Unnamed, &unique_name("no-way"), 1, false).map(drop).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Os { call: "rename", .. }), "{error}");
    before.assert_unchanged("it could not be published");
    assert_eq!(leaks::entries(), [""; 0]);
}

/// Bytes of memory that the file of a new segment of `mib` mebibytes has.
fn taken(mib: u64, commit: Commit) -> Result<u64> {
    let len = usize::try_from(mib * MIB / 8).unwrap();
    let spec = Spec { commit, ..spec(&unique_name("taken"), len) };
    let array = Posix::default().create(&spec, None)?;
    let stat = rustix::fs::fstat(array.segment.file()).unwrap();
    let last = array.region.len() - 1;
    bytes::set(&array.region, last, 1);
    Ok(stat.st_blocks.cast_unsigned() * 512)
}

fn without_allocating(errno: i32) {
    refuse_call(libc::SYS_fallocate, errno);
    for commit in COMMITS {
        let bytes = taken(20, commit).unwrap();
        assert_eq!(bytes > 20 * MIB, commit != Commit::Lazy, "{commit:?}: {bytes} bytes");
    }
    assert_all_works(Publish::Unnamed);
    let raw = RawSegment::create(&unique_name("raw"), 5000, Commit::Reserve, false).unwrap();
    raw.unlink().unwrap();
}

/// It is an error with its figures, as with `fallocate`, and no SIGBUS.
fn full_without_allocating() {
    if !private::shm("size=8m") {
        return println!("skipped: no /dev/shm of this process's own");
    }
    refuse_call(libc::SYS_fallocate, libc::EOPNOTSUPP);
    for commit in [Commit::Auto, Commit::Reserve, Commit::Populate] {
        let error = taken(9, commit).unwrap_err();
        let ErrorKind::NoSpace { needs, has: Some(has), .. } = error.kind() else {
            panic!("{error}")
        };
        assert!(has < needs && *has <= 8 * MIB, "{commit:?}: {error}");
    }
    assert_eq!(leaks::entries(), [""; 0]);
    assert!(taken(7, Commit::Auto).unwrap() > 7 * MIB, "and all of it is there again");
}

fn on_ramfs() {
    if !private::other_shm("ramfs") {
        return println!("skipped: ramfs cannot be mounted");
    }
    assert_all_works(Publish::Unnamed);
    for commit in COMMITS {
        taken(20, commit).unwrap();
    }
}

fn on_proc() {
    if !private::other_shm("proc") {
        return println!("skipped: proc cannot be mounted");
    }
    let error = try_create(Publish::Unnamed, &unique_name("proc"), 1, false).map(drop).unwrap_err();
    let ErrorKind::BackendRefused { reason, .. } = error.kind() else { panic!("{error}") };
    assert!(reason.contains("in /dev/shm") || reason.contains("/dev/shm may not"), "{error}");
}

/// Figures that say the opposite are not told as the reason.
fn quota(errno: i32) {
    let calls: [(c_long, Commit); 2] =
        [(libc::SYS_fallocate, Commit::Reserve), (libc::SYS_ftruncate, Commit::Lazy)];
    for (call, commit) in calls {
        in_a_child(|| {
            refuse_call(call, errno);
            let error = taken(1, commit).unwrap_err();
            let ErrorKind::NoSpace { needs, has, place } = error.kind() else { panic!("{error}") };
            assert!(*needs > MIB && has.is_none(), "{error}");
            assert!(
                place.contains(if errno == libc::EDQUOT { "quota" } else { "limit" }),
                "{error}"
            );
            assert!(!error.to_string().contains("free"), "{error}");
        });
    }
}
