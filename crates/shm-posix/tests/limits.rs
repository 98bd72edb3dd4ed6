//! Limits that are reached in the middle: of descriptors, mappings, sizes and space.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

#[allow(dead_code)] // some of it is for the other tests
mod common;

use std::cell::Cell;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;

use rustix::fs::fstat;
use rustix::process::{Resource, getrlimit};
use shm_conformance::limits::{assert_reached, limit};
use shm_conformance::process::{self, Child, in_a_child};
use shm_conformance::{leaks, private, spec, unique_name};
use shm_core::{
    Access, Backend, Commit, ErrorKind, Fill, Handover, Name, Pages, Result, Segment, Sink, Spec,
};
use shm_posix::{Posix, Publish, RawSegment};

use common::{Array, assert_all, attach, create, holds, try_create};

const MIB: u64 = 1 << 20;
const WAYS: [Publish; 2] = [Publish::Unnamed, Publish::Temporary];
const COMMITS: [Commit; 4] = [Commit::Auto, Commit::Lazy, Commit::Reserve, Commit::Populate];

fn main() {
    process::main(
        &[],
        &[
            ("descriptors", || in_a_child(descriptors)),
            ("address_space", || in_a_child(address_space)),
            ("size_of_files", || in_a_child(size_of_files)),
            ("number_of_mappings", || in_a_child(number_of_mappings)),
            ("space_in_dev_shm", || in_a_child(space)),
            ("space_for_what_is_written_in_order", || in_a_child(space_in_order)),
            ("space_in_huge_pages", || in_a_child(space_in_huge_pages)),
            ("space_that_others_take_within_a_piece", || in_a_child(space_within_a_piece)),
            ("files_in_dev_shm", || in_a_child(number_of_files)),
        ],
    );
}

fn sized(name: &Name, bytes: u64, commit: Commit, publish: Publish) -> Result<Array> {
    let len = usize::try_from(bytes / 8).unwrap();
    Posix::with_publish(publish).create(&Spec { commit, ..spec(name, len) }, None)
}

fn descriptors() {
    let (held, next) = (unique_name("held"), unique_name("next"));
    let array = create(Publish::Unnamed, &held, 1, false);
    // The limit is on their numbers, so it is the lowest free one.
    let open = u64::try_from(File::open("/dev/null").unwrap().as_raw_fd()).unwrap();
    let before = leaks::Snapshot::take();
    let everything = getrlimit(Resource::Nofile).current.unwrap();
    limit(Resource::Nofile, open);
    for publish in WAYS {
        assert_reached(try_create(publish, &next, 1, false), "RLIMIT_NOFILE", open);
    }
    for access in [Access::ReadWrite, Access::ReadOnly] {
        assert_reached(attach(&held, access), "RLIMIT_NOFILE", open);
    }
    assert_reached(array.segment.destroy(), "RLIMIT_NOFILE", open);
    // To replace takes a second descriptor, of what is replaced.
    limit(Resource::Nofile, open + 1);
    for publish in WAYS {
        assert_reached(try_create(publish, &held, 2, true), "RLIMIT_NOFILE", open + 1);
    }
    limit(Resource::Nofile, everything);
    before.assert_unchanged("out of descriptors");
    assert!(holds(&array));
    // Leaving takes none.
    limit(Resource::Nofile, open);
    drop(array);
    limit(Resource::Nofile, everything);
    assert_eq!(leaks::entries(), [""; 0]);
}

fn address_space() {
    let (held, next) = (unique_name("held"), unique_name("next"));
    let array = sized(&held, 256 * MIB, Commit::Lazy, Publish::Unnamed).unwrap();
    let before = leaks::Snapshot::take();
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
    let most = pages * 4096 + 64 * MIB;
    limit(Resource::As, most);
    for publish in WAYS {
        assert_reached(sized(&next, 256 * MIB, Commit::Lazy, publish), "RLIMIT_AS", most);
    }
    assert_reached(attach(&held, Access::ReadOnly), "RLIMIT_AS", most);
    assert_reached(array.segment.map(), "RLIMIT_AS", most);
    before.assert_unchanged("out of address space");
}

/// The kernel would send SIGXFSZ, which ends the process.
fn size_of_files() {
    let name = unique_name("size");
    let before = leaks::Snapshot::take();
    limit(Resource::Fsize, MIB);
    for publish in WAYS {
        for commit in COMMITS {
            assert_reached(sized(&name, 2 * MIB, commit, publish), "RLIMIT_FSIZE", MIB);
        }
    }
    before.assert_unchanged("files that are too large");
    drop(sized(&name, MIB / 2, Commit::Auto, Publish::Unnamed).unwrap());

    // Attaching to a raw segment that is larger already makes nothing larger.
    limit(Resource::Fsize, getrlimit(Resource::Fsize).maximum);
    let raw = RawSegment::create(&name, 2 << 20, Commit::Auto, false).unwrap();
    limit(Resource::Fsize, MIB);
    drop(RawSegment::attach(&name, 2 << 20, Access::ReadWrite, Commit::Auto).unwrap());
    raw.unlink().unwrap();
}

fn number_of_mappings() {
    let most = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
    let most: u64 = most.trim().parse().unwrap();
    if most > 1_000_000 {
        return; // more than this test can make
    }
    let (held, next) = (unique_name("held"), unique_name("next"));
    let array = create(Publish::Unnamed, &held, 1, false);
    let before = leaks::Snapshot::take();
    let mut regions = Vec::with_capacity(usize::try_from(most).unwrap());
    let refused = loop {
        match array.segment.map() {
            Ok(region) => regions.push(region),
            Err(error) => break error,
        }
    };
    assert_reached::<()>(Err(refused), "vm.max_map_count", most);
    for publish in WAYS {
        assert_reached(try_create(publish, &next, 1, false), "vm.max_map_count", most);
    }
    assert_reached(attach(&held, Access::ReadOnly), "vm.max_map_count", most);
    drop(regions);
    before.assert_unchanged("out of mappings");
}

fn space() {
    if !private::shm("size=4m") {
        return;
    }
    let name = unique_name("space");
    let held = create(Publish::Unnamed, &name, 1, false);
    let before = leaks::Snapshot::take();
    for needs in [8 * MIB, 40 * MIB] {
        for publish in WAYS {
            for commit in [Commit::Auto, Commit::Reserve, Commit::Populate] {
                let full = |name: &Name, force| {
                    let len = usize::try_from(needs / 8).unwrap();
                    let spec = Spec { commit, force, ..spec(name, len) };
                    let error = Posix::with_publish(publish).create(&spec, None).map(drop);
                    let error = error.unwrap_err();
                    let ErrorKind::NoSpace { needs: told, has: Some(has), place } = error.kind()
                    else {
                        panic!("{error}")
                    };
                    assert!(*told == needs + 12_288 && *has < 4 * MIB && *has > 3 * MIB, "{error}");
                    assert!(place.contains("file system"), "{error}");
                };
                full(&unique_name("full"), false);
                full(&name, true);
            }
        }
    }
    before.assert_unchanged("a full /dev/shm");
    assert!(holds(&held));
    assert_all(&held, 1);
}

/// What is written in order is there without being reserved before; so is, after it, what nothing
/// was written to: the slots before the data, and the rest of the array.
fn space_in_order() {
    if !private::shm("size=4m") {
        return;
    }
    let before = leaks::Snapshot::take();
    for publish in WAYS {
        for commit in COMMITS {
            let create = |bytes: u64, written: usize| {
                let len = usize::try_from(bytes / 8).unwrap();
                let spec = Spec { commit, ..spec(&unique_name("in-order"), len) };
                let mut fill = |to: &mut dyn Sink| to.write(&vec![7; written]);
                let fill = Some(Fill::InOrder(&mut fill));
                Posix::with_publish(publish).create(&spec, fill)
            };
            let array = create(MIB, 100_000).unwrap();
            let reserved = fstat(array.segment.file()).unwrap().st_blocks.cast_unsigned() * 512;
            let is_whole = reserved >= array.segment.header().segment_len();
            assert_eq!(is_whole, commit != Commit::Lazy, "{commit:?}: {reserved} bytes");
            drop(array);

            let error = create(8 * MIB, 8 << 20).map(drop).unwrap_err();
            let ErrorKind::NoSpace { needs, has: Some(has), .. } = error.kind() else {
                panic!("{error}")
            };
            assert!(*needs == 8 * MIB + 12_288 && *has <= 4 * MIB && *has > 3 * MIB, "{error}");
            written_once(publish, commit, Pages::Auto);
        }
    }
    before.assert_unchanged("a full /dev/shm");
}

/// Pages of 2 MiB, which somebody else takes while an array is written.
fn space_in_huge_pages() {
    for options in ["size=4m,huge=advise", "size=4m,huge=within_size", "size=4m,huge=always"] {
        let child = Child::fork(|| {
            if !private::shm(options) {
                return 0;
            }
            let before = leaks::Snapshot::take();
            for commit in COMMITS {
                for publish in WAYS {
                    written_once(publish, commit, Pages::Huge);
                    written_meanwhile(publish, commit);
                }
            }
            before.assert_unchanged("a full /dev/shm");
            0
        });
        let status = child.wait();
        assert!(status.success(), "{options}: {status}");
    }
}

/// Nothing is reserved for what is written anyway: where it runs out, the write says so.
fn written_meanwhile(publish: Publish, commit: Commit) {
    let filler = Path::new("/dev/shm/filler");
    let mut fill = |to: &mut dyn Sink| {
        let mut file = File::create(filler).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
        to.write(&vec![7; 3 << 20])
    };
    let spec = Spec { commit, pages: Pages::Huge, ..spec(&unique_name("meanwhile"), 3 << 17) };
    let fill = Some(Fill::InOrder(&mut fill));
    let error = Posix::with_publish(publish).create(&spec, fill).map(drop).unwrap_err();
    std::fs::remove_file(filler).unwrap();
    assert!(matches!(error.kind(), ErrorKind::NoSpace { .. }), "{error}");
}

/// What is called once has its memory before: somebody else who takes the rest meanwhile does not
/// matter, unless it is to be lazy.
fn written_once(publish: Publish, commit: Commit, pages: Pages) {
    let begun = Cell::new(false);
    let filler = Path::new("/dev/shm/filler");
    let mut fill = |to: &mut dyn Sink| {
        assert!(begun.get());
        let mut file = File::create(filler).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
        to.write(&vec![7; 3 << 20])
    };
    let spec = Spec { commit, pages, ..spec(&unique_name("once"), 3 << 17) };
    let fill = Some(Fill::InOrderOnce(&mut fill, &begun));
    let made = Posix::with_publish(publish).create(&spec, fill).map(drop);
    std::fs::remove_file(filler).unwrap();
    match made {
        Ok(()) => assert_ne!(commit, Commit::Lazy),
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::NoSpace { .. }), "{error}");
            assert_eq!(commit, Commit::Lazy, "{error}");
        }
    }

    begun.set(false);
    let mut fill = |_: &mut dyn Sink| -> Result<()> { panic!("called without memory") };
    let spec = Spec { commit, pages, ..shm_conformance::spec(&unique_name("once"), 1 << 20) };
    let fill = Some(Fill::InOrderOnce(&mut fill, &begun));
    if commit != Commit::Lazy {
        assert!(Posix::with_publish(publish).create(&spec, fill).is_err());
        assert!(!begun.get());
    }
}

fn number_of_files() {
    if !private::shm("nr_inodes=6,size=4m") {
        return;
    }
    let mut arrays = Vec::new();
    let error = loop {
        match try_create(WAYS[arrays.len() % 2], &unique_name("inodes"), 1, false) {
            Ok(array) => arrays.push(array),
            Err(error) => break error,
        }
    };
    assert!(!arrays.is_empty());
    let before = leaks::Snapshot::take();
    for error in [error].into_iter().chain(
        WAYS.map(|publish| try_create(publish, &unique_name("one-more"), 1, false))
            .map(|result| result.map(drop).unwrap_err()),
    ) {
        let ErrorKind::NoSpace { place, has: Some(0), .. } = error.kind() else {
            panic!("{error}")
        };
        assert!(place.contains("number of files"), "{error}");
    }
    before.assert_unchanged("no file more");
    drop(arrays);
    assert_eq!(leaks::entries(), [""; 0]);
}

/// What is written to the file without a huge page ends within a piece, whose rest has no memory yet.
fn space_within_a_piece() {
    for option in ["within_size", "always"] {
        if !private::shm(&format!("size=5m,huge={option}")) {
            return println!("no mount of one's own: not tested");
        }
        let plain = spec(&unique_name("piece"), 1 << 19);
        let spec = Spec { pages: Pages::Huge, commit: Commit::Lazy, ..plain };
        let mut fill = |to: &mut dyn Sink| {
            let mut other = File::create("/dev/shm/other").unwrap();
            other.write_all(&vec![1; 2 << 20]).unwrap();
            to.write(&vec![1; 5 << 19])?; // no huge page is left for its end
            while other.write_all(&[1; 4096]).is_ok() {}
            to.write(&vec![1; 1 << 20])
        };
        let made = Posix::default().create(&spec, Some(Fill::InOrder(&mut fill)));
        let error = made.map(drop).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NoSpace { .. }), "{error}");
    }
}
