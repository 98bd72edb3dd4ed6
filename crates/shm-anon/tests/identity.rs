//! Identities across forks and deaths, the files that carry their locks, and limits.
#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

mod harness;

use std::fs::File;
use std::os::fd::AsRawFd;

use rustix::process::{Resource, getrlimit};
use shm_anon::{Anon, AnonSegment};
use shm_conformance::limits::limit;
use shm_conformance::process::{self, Child};
use shm_conformance::refusals::refuse_call;
use shm_conformance::{identity_forks, limits, spec, unique_name};
use shm_core::{
    Access, Attached, Backend, DEFAULT_SLOTS, ErrorKind, Identified, Name, Result, Segment,
};
use shm_presence::{Identity, Owner, is_held};

use harness::Mmap;

fn main() {
    let more: [(&str, fn()); 6] = [
        ("siblings_do_not_share_the_locks_of_what_they_create", siblings),
        ("a_process_has_one_file_for_its_arrays", one_file),
        ("many_arrays_have_a_file_for_each_128", many_arrays),
        ("out_of_descriptors_a_file_serves_more_arrays", no_file_more),
        ("a_file_without_a_name_does_where_memfd_is_refused", without_memfd),
        ("without_any_file_arrays_work_and_slots_do_not", without_files),
    ];
    let tests: Vec<_> =
        identity_forks::<Mmap>().into_iter().chain(more).chain(limits::<Mmap>()).collect();
    process::main(&[("refused", refused)], &tests);
}

type Array = Attached<AnonSegment>;

fn create(what: &str) -> Array {
    Anon.create(&spec(&unique_name(what), 10), None).unwrap()
}

fn attach(name: &Name) -> Array {
    Anon.attach(name.clone(), Access::ReadOnly).unwrap()
}

fn take(identity: &Identity, array: &Array) -> Result<Owner> {
    identity.take(|| array.segment.open_locks(), 8, |_| 1)
}

fn held(array: &Array, slot: u32) -> bool {
    is_held(array.segment.slot_locks().unwrap(), slot).unwrap()
}

/// Children of one process each create arrays while it and they hold slots of older ones.
fn siblings() {
    let (old, identity) = (create("old"), Identity::new());
    let name = old.segment.header().name();
    let lives = |slot| {
        let old = attach(name);
        assert_eq!(take(&identity, &old).unwrap().slot(), slot);
        for _ in 0..3 {
            let (new, identity) = (create("new"), Identity::new());
            assert!(!held(&new, 0), "the slot of a sibling's array");
            assert_eq!(take(&identity, &new).unwrap().slot(), 0);
            std::mem::forget((new, identity));
        }
        std::mem::forget(old);
    };
    let children = [0, 1].map(|slot| Child::idle(|| lives(slot)));
    let later = create("later");
    assert_eq!([0, 1, 2].map(|slot| held(&old, slot)), [true, true, false]);
    assert!(!held(&later, 0));
    assert_eq!(take(&identity, &old).unwrap().slot(), 2);
    drop(children);
    assert_eq!([0, 1, 2].map(|slot| held(&old, slot)), [false, false, true]);
}

/// How many files for locks this process has open.
fn files() -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let open = open.filter_map(|entry| std::fs::read_link(entry.unwrap().path()).ok());
    open.filter(|target| target.to_str().unwrap().contains("shmarray-locks")).count()
}

fn one_file() {
    let mut arrays = vec![create("one"), create("two"), create("three")];
    assert_eq!(files(), 1);
    let child = Child::fork(|| {
        assert_eq!(files(), 1);
        drop(create("own"));
        assert_eq!(files(), 2, "its parent's, as it has arrays of it, and its own");
        arrays.clear();
        assert_eq!(files(), 1);
        0
    });
    assert!(child.wait().success());
    drop(arrays);
    drop(create("next"));
    assert_eq!(files(), 1);
}

/// Each takes a slot where no other array has one, and finds it free.
fn take_first_of_each(arrays: &[Array]) -> Vec<Identity> {
    let taken = arrays.iter().map(|array| {
        let identity = Identity::new();
        assert!(!held(array, 0), "the slot of another array");
        assert_eq!(take(&identity, array).unwrap().slot(), 0);
        identity
    });
    taken.collect()
}

/// The kernel walks all locks of a file, so they are not all in one.
fn many_arrays() {
    let full = DEFAULT_SLOTS as usize;
    let mut arrays: Vec<_> = (0..2 * full + 1).map(|_| create("many")).collect();
    assert_eq!(files(), 3);
    let identities = take_first_of_each(&arrays);
    let child = Child::fork(|| {
        assert!(arrays.iter().all(|array| held(array, 0) && !held(array, 1)));
        0
    });
    assert!(child.wait().success());
    drop(identities);
    assert!(arrays.iter().all(|array| !held(array, 0)));
    arrays.drain(..2 * full);
    assert_eq!(files(), 1, "a file goes with the last of its arrays");
    for _ in 0..2 * full {
        drop(create("short-lived"));
    }
    assert_eq!(files(), 1, "what is gone leaves its place to others");
}

fn no_file_more() {
    let child = Child::fork(|| {
        let full = DEFAULT_SLOTS as usize;
        let mut arrays: Vec<_> = (0..full).map(|_| create("full")).collect();
        assert_eq!(files(), 1);
        let lowest = u64::try_from(File::open("/dev/null").unwrap().as_raw_fd()).unwrap();
        limit(Resource::Nofile, lowest);
        arrays.extend((0..10).map(|_| create("more")));
        limit(Resource::Nofile, getrlimit(Resource::Nofile).maximum);
        assert_eq!(files(), 1);
        drop(take_first_of_each(&arrays));
        drop(create("another"));
        assert_eq!(files(), 2);
        0
    });
    assert!(child.wait().success());
}

fn without_memfd() {
    let folder = std::env::temp_dir();
    let status = process::again("refused", &["works"]).env("TMPDIR", folder).status().unwrap();
    assert!(status.success(), "{status}");
}

fn without_files() {
    let folder = "/proc/self/not-there";
    let status = process::again("refused", &["fails"]).env("TMPDIR", folder).status().unwrap();
    assert!(status.success(), "{status}");
}

fn refused(arguments: &[String]) {
    refuse_call(libc::SYS_memfd_create, libc::EPERM);
    let (array, identity) = (create("refused"), Identity::new());
    let name = array.segment.header().name();
    drop(attach(name));
    if arguments == ["works"] {
        assert_eq!(take(&identity, &array).unwrap().slot(), 0);
        drop(Child::idle(|| assert_eq!(take(&identity, &array).unwrap().slot(), 1)));
        assert_eq!([0, 1].map(|slot| held(&array, slot)), [true, false]);
        return;
    }
    let error = take(&identity, &array).unwrap_err();
    let ErrorKind::Os { call, object, error: source } = error.kind() else { panic!("{error}") };
    assert_eq!((*call, source.raw_os_error()), ("open(O_TMPFILE)", Some(libc::ENOENT)));
    assert!(object.starts_with("/proc/self/not-there, for the locks"), "{object}");
    assert_eq!(identity.owner(), None);
}
