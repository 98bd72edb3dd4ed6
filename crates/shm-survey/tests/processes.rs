//! What `/proc` tells: arrays that have no name here, and the holders of each array.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

#[allow(dead_code)] // some of it is for the other tests
mod common;

use std::fs;
use std::os::fd::AsRawFd;

use shm_conformance::process::{self, Child, Partner, in_a_child};
use shm_conformance::user::{as_nobody, become_nobody};
use shm_conformance::{private, spec, unique_name};
use shm_core::{
    Access, Attached, Backend, BackendKind, ErrorKind, Fill, Handover, Header, Name, Named, Region,
    Segment, Spec,
};
use shm_map::Mapping;
use shm_posix::Posix;
use shm_survey::{Holder, Locator, SegmentInfo, find, holders, list};

use common::{data, is_alone, listed, memfd, named, only, path};

fn main() {
    process::main(
        &[("map", map)],
        &[
            ("holders_of_a_named_segment", || holders_of(named)),
            ("holders_of_a_memfd", || holders_of(memfd)),
            ("whoever_only_maps_it_is_a_holder", only_mapped),
            ("commands_are_printable", commands),
            ("processes_that_may_not_be_looked_into_are_counted", hidden),
            ("a_memfd_is_found_by_its_name_and_by_its_locator", memfd_by_name),
            ("the_superuser_sees_whose_each_array_is", arrays_of_others),
            ("an_entry_comes_before_a_memfd", entry_comes_first),
            ("a_segment_whose_name_is_removed", removed),
            ("a_segment_that_is_being_made", being_made),
            ("a_segment_of_another_mount_namespace", elsewhere),
            ("without_proc", || in_a_child(without_proc)),
        ],
    );
}

fn me() -> u32 {
    std::process::id()
}

/// The processes that have it, but this one.
fn others(segment: &SegmentInfo) -> Vec<Holder> {
    let all = holders().unwrap();
    all.of(segment).iter().filter(|holder| holder.pid != me()).cloned().collect()
}

/// Process and file descriptor of a segment without a name.
fn descriptor(segment: &SegmentInfo) -> (u32, u32) {
    let Locator::Descriptor { pid, fd } = *segment.locator() else { panic!("{segment:?}") };
    (pid, fd)
}

fn holders_of<S: Segment>(make: fn(&Name, u8) -> Attached<S>) {
    let name = unique_name("held");
    let array = make(&name, 1);
    let segment = only(&name);
    assert_eq!(others(&segment), []);
    let command = fs::read_to_string("/proc/self/comm").unwrap();
    let all = holders().unwrap();
    let [mine] = all.of(&segment) else { panic!("it is mapped here, and only here: {all:?}") };
    assert_eq!((mine.pid, mine.command.as_str()), (me(), command.trim_end()));

    let children = [Child::idle(|| {}), Child::idle(|| {})]; // they have inherited it
    let inherited = others(&segment);
    assert_eq!(inherited.len(), 2);
    assert!(inherited.iter().all(|holder| holder.command == mine.command && holder.pid > 0));
    let mut pids: Vec<_> = holders().unwrap().of(&segment).iter().map(|it| it.pid).collect();
    assert!(pids.is_sorted());
    pids.dedup();
    assert_eq!(pids.len(), 3, "each once");
    drop(children);
    assert_eq!(others(&segment), []);
    drop(array);
    assert!(holders().unwrap().of(&segment).is_empty(), "it is only looked at");
}

fn only_mapped() {
    let name = unique_name("mapped");
    let array = named(&name, 1);
    let mapper = Partner::start("map", &[name.as_str()]);
    assert_eq!(others(&only(&name)).len(), 1);
    mapper.finish();
    assert!(others(&only(&name)).is_empty());
    drop(array);
}

/// Maps a file, and has it open no more.
fn map(arguments: &[String]) {
    let file = fs::File::open(path(&arguments[0])).unwrap();
    let _mapping = Mapping::file(&file, 4096, Access::ReadOnly).unwrap();
    drop(file);
    process::ready();
}

fn commands() {
    let name = unique_name("commands");
    let _array = named(&name, 1);
    let children = ["\u{1b}[31mred", "two\nlines", "\u{9b}"].map(|command| {
        Child::idle(move || fs::write("/proc/self/comm", command.as_bytes()).unwrap())
    });
    let mut all: Vec<_> = others(&only(&name)).into_iter().map(|holder| holder.command).collect();
    all.sort();
    assert_eq!(all, ["\\u{1b}[31mred", "\\u{9b}", "two\\nlines"]);
    drop(children);
}

/// Only the superuser has processes that others may not look into.
fn hidden() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (name, other) = (unique_name("hidden"), unique_name("seen"));
    let _array = memfd(&name, 1);
    as_nobody(|| {
        let before = holders().unwrap().hidden();
        assert!(before > 0, "its parent");
        let listing = list().unwrap();
        assert!(listing.hidden >= before, "{}", listing.hidden);
        assert!(listing.blind.is_none());
        assert!(listed(listing, &name).is_empty());
        let error = find(&format!("{}:0", rustix::process::getppid().unwrap().as_raw_nonzero()));
        let error = error.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::AccessDenied { .. }), "{error}");
        // What it may see is seen all the same. (A change of user hides a process from its like.)
        let _other = named(&other, 1);
        assert_eq!(listed(list().unwrap(), &other).len(), 1);
    });
    let child = Child::idle(become_nobody);
    let segment = only(&name);
    assert_eq!(others(&segment).len(), 1, "the superuser looks into everybody");
    drop(child);
}

fn memfd_by_name() {
    let (name, twin, other) = (unique_name("anonymous"), unique_name("twin"), unique_name("other"));
    let second = Child::idle(|| std::mem::forget(memfd(&twin, 7)));
    let array = memfd(&name, 5);
    let _other = memfd(&other, 6);
    let found = find(name.as_str()).unwrap();
    assert_eq!(found.backend(), BackendKind::Memfd);
    assert!(!found.has_name());
    assert_eq!(data(&found), [5; 800]);
    assert_eq!(descriptor(&found).0, me());
    let locator = format!("{}:{}", me(), array.segment.file().as_raw_fd());
    let again = find(&locator).unwrap();
    assert_eq!(again.locator().to_string(), locator);
    assert_eq!(again.header(), found.header());

    // Two have the same name: the caller has to say which.
    let third = memfd(&twin, 5);
    let mut twins = listed(list().unwrap(), &twin);
    assert_eq!(twins.len(), 2);
    let error = find(twin.as_str()).unwrap_err();
    let ErrorKind::Ambiguous { places: locators, .. } = error.kind() else { panic!("{error}") };
    let mut values: Vec<_> = locators.split(", ").map(|it| data(&find(it).unwrap())[0]).collect();
    values.sort_unstable();
    assert_eq!(values, [5, 7], "{locators}");
    drop((array, found, again, third));
    assert_eq!(data(&find(twin.as_str()).unwrap()), [7; 800], "the other is only looked at");
    twins.retain(|twin| descriptor(twin).0 != me());
    drop(second);
    assert_eq!(data(&twins[0]), [7; 800], "its memory is there as long as it is looked at");
    let error = find(twin.as_str()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotFound { .. }), "{error}");
}

/// Also one that looks like `PID:FD`.
fn entry_comes_first() {
    let array = memfd(&unique_name("fd"), 5);
    let locator = format!("{}:{}", me(), array.segment.file().as_raw_fd());
    let same = memfd(&Name::new(locator.clone()).unwrap(), 6);
    assert_eq!(data(&find(&locator).unwrap()), [5; 800]);
    let entry = named(&Name::new(locator.clone()).unwrap(), 8);
    let found = find(&locator).unwrap();
    assert_eq!(data(&found), [8; 800]);
    assert_eq!(found.locator(), &Locator::Entry(locator));
    drop((entry, same));
}

fn removed() {
    let name = unique_name("removed");
    let array = named(&name, 2);
    let segment = only(&name);
    assert!(segment.has_name());
    assert_eq!(segment.locator(), &Locator::Entry(name.to_string()));
    assert!(Posix::default().delete(&name).unwrap());
    drop(segment);
    let segment = only(&name);
    assert_eq!(segment.backend(), BackendKind::Shm);
    assert!(!segment.has_name());
    assert!(segment.is_in_use().unwrap());
    assert!(!segment.is_frozen());
    assert_eq!(
        descriptor(&segment),
        (me(), u32::try_from(array.segment.file().as_raw_fd()).unwrap())
    );
    assert_eq!(data(&find(&segment.locator().to_string()).unwrap()), [2; 800]);
    let error = find(name.as_str()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotFound { .. }), "{error}");

    // Its successor is another.
    let successor = named(&name, 3);
    assert_eq!(listed(list().unwrap(), &name).len(), 2);
    assert_eq!(data(&find(name.as_str()).unwrap()), [3; 800]);
    drop((array, segment));
    assert_eq!(data(&only(&name)), [3; 800]);
    drop(successor);
    assert!(listed(list().unwrap(), &name).is_empty());
}

fn being_made() {
    let name = unique_name("being-made");
    let mut looked = false;
    let mut fill = |_: &Header, _: &dyn Region| -> shm_core::Result<()> {
        let segment = only(&name);
        assert!(!segment.has_name() && segment.is_in_use().unwrap());
        looked = true;
        Ok(())
    };
    let array = Posix::default().create(&spec(&name, 100), Some(Fill::InPlace(&mut fill))).unwrap();
    assert!(looked);
    assert_eq!(only(&name).locator(), &Locator::Entry(name.to_string()));
    drop(array);
}

/// It has a name there, and none here.
fn elsewhere() {
    if !is_alone() {
        return;
    }
    let name = unique_name("elsewhere");
    let mine = named(&name, 1);
    let child = Child::idle(|| {
        assert!(private::shm("size=4m"));
        std::mem::forget(named(&name, 2));
    });
    let mut both = listed(list().unwrap(), &name);
    assert_eq!(both.len(), 2, "{both:?}");
    both.sort_by_key(|found| data(found)[0]);
    assert_eq!(both[0].locator(), &Locator::Entry(name.to_string()));
    assert!(matches!(both[1].locator(), Locator::Descriptor { .. }), "{both:?}");
    assert!(both.iter().all(|found| found.has_name() && found.is_in_use().unwrap()));
    let [of_mine, of_other] = [&both[0], &both[1]].map(others);
    assert_eq!((of_mine.len(), of_other.len()), (1, 1), "the child has inherited mine");
    assert_eq!(of_mine[0].pid, descriptor(&both[1]).0);
    drop((both, child, mine));
}

fn without_proc() {
    let (name, other) = (unique_name("entry"), unique_name("memfd"));
    let _array = named(&name, 1);
    let _other = Memfd::create(&spec(&other, 100));
    if !private::hide("/proc") {
        return println!("skipped: needs a mount namespace");
    }
    let listing = list().unwrap();
    let error = listing.blind.as_ref().unwrap();
    assert!(matches!(error.kind(), ErrorKind::Path { .. }), "{error}");
    assert_eq!(listed(listing, &name).len(), 1);
    let error = holders().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Path { .. }), "{error}");
    let segment = find(name.as_str()).unwrap();
    assert_eq!(segment.participants().unwrap(), []);
    assert!(segment.is_in_use().unwrap());
    for nowhere in [other.as_str(), "1:1"] {
        let error = find(nowhere).unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::NotFound { .. } | ErrorKind::Path { .. }),
            "{error}"
        );
    }
}

/// A memfd array that needs no `/proc`.
struct Memfd;

impl Memfd {
    fn create(spec: &Spec) -> impl Sized + use<> {
        shm_memfd::Memfd.create(spec, None).unwrap()
    }
}

fn arrays_of_others() {
    const OTHER: u32 = 4242;
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (name, garbage) = (unique_name("other"), format!(".shmarray-tmp-{}", me()));
    let array = named(&name, 1);
    fs::write(path(&garbage), b"x").unwrap();
    assert_eq!(only(&name).owner(), 0);
    for file in [path(name.as_str()), path(&garbage)] {
        std::os::unix::fs::chown(file, Some(OTHER), None).unwrap();
    }
    assert_eq!(only(&name).owner(), OTHER);
    let unreadable = list().unwrap().unreadable;
    let found = unreadable.iter().find(|file| file.locator.to_string() == garbage).unwrap();
    assert_eq!(found.owner, Some(OTHER));
    drop(array);
    fs::remove_file(path(&garbage)).unwrap();
    let _ = fs::remove_file(path(name.as_str())); // another user's now, so its name may stay
}
