//! What a process keeps when it reaches a limit: the error names it with its figures, nothing is
//! half made or lost, and all works again once something is dropped. For tests that fork.

use std::fs::File;
use std::os::fd::AsRawFd;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use shm_core::{Access, Backend, Commit, DEFAULT_SLOTS, ErrorKind, Result, Segment, Spec};
use shm_presence::Identity;

use crate::harness::{AttachedOf, IdentityHarness, spec, unique_name};
use crate::process::{Child, in_a_child};
use crate::promises::identity::take;
use crate::{bytes, leaks};

/// What a process can have beside what it has when the test begins.
const ROOM: u64 = 20;

/// The tests of a backend, for [`process::main`](crate::process::main).
pub fn limits<H: IdentityHarness>() -> [(&'static str, fn()); 4] {
    [
        ("out_of_descriptors_by_creating", || alone(descriptors::<H>)),
        ("out_of_mappings", || alone(mappings::<H>)),
        ("out_of_address_space", || alone(address_space::<H>)),
        ("out_of_slots", || alone(slots::<H>)),
    ]
}

fn alone(test: fn()) {
    in_a_child(|| {
        let before = leaks::Snapshot::take();
        test();
        before.assert_unchanged("the limit was reached");
    });
}

/// Gives this process that soft limit, or none. The hard limit stays. See setrlimit(2).
pub fn limit(resource: Resource, current: impl Into<Option<u64>>) {
    let current = current.into();
    setrlimit(resource, Rlimit { current, ..getrlimit(resource) }).unwrap();
}

/// Fails unless the limit of that name was reached, and the error has its figure.
pub fn assert_reached<T>(result: Result<T>, name: &str, figure: u64) {
    let error = result.map(drop).unwrap_err();
    let ErrorKind::LimitReached { limit, value, .. } = error.kind() else { panic!("{error}") };
    assert_eq!((*limit, *value), (name, Some(figure)), "{error}");
    assert!(error.to_string().contains(&figure.to_string()), "{error}");
}

fn create<H: IdentityHarness>(len: usize) -> Result<AttachedOf<H>> {
    let spec = spec(&unique_name("limit"), len);
    H::backend().create(&Spec { commit: Commit::Lazy, ..spec }, None)
}

fn small<H: IdentityHarness>() -> Result<AttachedOf<H>> {
    create::<H>(DEFAULT_SLOTS as usize)
}

/// It can be made, found, written, locked and left.
fn assert_all_works<H: IdentityHarness>() {
    let array = small::<H>().unwrap();
    let other = H::backend().attach(H::source(&array), Access::ReadOnly).unwrap();
    let at = usize::try_from(array.segment.header().data_offset()).unwrap();
    bytes::set(&array.region, at, 7);
    assert_eq!(bytes::get(&other.region, at), 7);
    take::<H>(&Identity::new(), &array).unwrap();
}

fn descriptors<H: IdentityHarness>() {
    let held = small::<H>().unwrap();
    let source = H::source(&held);
    // The limit is on their numbers, so it is the lowest free one.
    let lowest = u64::try_from(File::open("/dev/null").unwrap().as_raw_fd()).unwrap();
    let (most, everything) = (lowest + ROOM, getrlimit(Resource::Nofile).current);
    limit(Resource::Nofile, most);
    let mut arrays = Vec::new();
    let refused = loop {
        match small::<H>() {
            Ok(array) if (arrays.len() as u64) < 2 * ROOM => arrays.push(array),
            Ok(_) => break None, // a backend that needs none
            Err(error) => break Some(error),
        }
    };
    let identity = Identity::new();
    if let Some(refused) = refused {
        assert_reached::<()>(Err(refused), "RLIMIT_NOFILE", most);
        assert!((4..=ROOM).contains(&(arrays.len() as u64)), "each takes one");
        limit(Resource::Nofile, everything);
        let before = leaks::Snapshot::take();
        limit(Resource::Nofile, most);
        assert_reached(small::<H>(), "RLIMIT_NOFILE", most);
        assert_reached(take::<H>(&identity, &held), "RLIMIT_NOFILE", most);
        limit(Resource::Nofile, everything);
        before.assert_unchanged("no descriptor was left");
        limit(Resource::Nofile, most);
        assert_reached(H::backend().attach(source, Access::ReadOnly), "RLIMIT_NOFILE", most);
    }
    arrays.truncate(arrays.len() - 4);
    assert_all_works::<H>();
    take::<H>(&identity, &held).unwrap();
    limit(Resource::Nofile, everything);
}

fn mappings<H: IdentityHarness>() {
    let most = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap();
    let most: u64 = most.trim().parse().unwrap();
    if most > 1_000_000 {
        return println!("skipped: more mappings than this test can make");
    }
    let held = small::<H>().unwrap();
    let [first, second] = [H::source(&held), H::source(&held)];
    let other = H::backend().attach(first, Access::ReadOnly).unwrap();
    let identity = Identity::new();
    // Room from the start: memory for the list would take a mapping.
    let mut regions = Vec::with_capacity(usize::try_from(most).unwrap());
    let refused = loop {
        match other.segment.map() {
            Ok(region) => regions.push(region),
            Err(error) => break error,
        }
    };
    assert_reached::<()>(Err(refused), "vm.max_map_count", most);
    // mremap(2) is refused three mappings before mmap(2).
    let rest: Vec<_> = (0..4).map_while(|_| small::<H>().ok()).collect();
    assert_reached(small::<H>(), "vm.max_map_count", most);
    assert_reached(take::<H>(&identity, &held), "vm.max_map_count", most);
    assert_reached(H::backend().attach(second, Access::ReadOnly), "vm.max_map_count", most);
    drop(rest);
    regions.truncate(regions.len() - 4);
    assert_all_works::<H>();
    take::<H>(&identity, &held).unwrap();
}

fn address_space<H: IdentityHarness>() {
    const LARGE: usize = 256 << 20;
    let held = create::<H>(LARGE / 8).unwrap();
    let other = H::backend().attach(H::source(&held), Access::ReadOnly).unwrap();
    let source = H::source(&held);
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
    let most = pages * 4096 + LARGE as u64 / 4;
    limit(Resource::As, most);
    assert_reached(create::<H>(LARGE / 8), "RLIMIT_AS", most);
    assert_reached(H::backend().attach(source, Access::ReadOnly), "RLIMIT_AS", most);
    assert_reached(other.segment.map(), "RLIMIT_AS", most);
    assert_all_works::<H>();
    drop(other);
    drop(create::<H>(LARGE / 8).unwrap());
}

/// A process for each.
fn slots<H: IdentityHarness>() {
    let array = small::<H>().unwrap();
    let mut children: Vec<_> = (0..DEFAULT_SLOTS)
        .map(|slot| {
            Child::idle(|| {
                let identity = Identity::new();
                assert_eq!(take::<H>(&identity, &array).unwrap().slot(), slot);
                std::mem::forget(identity); // it ends with the process
            })
        })
        .collect();
    let late = Identity::new();
    assert_reached(take::<H>(&late, &array), "slots of a segment", DEFAULT_SLOTS.into());
    assert_all_works::<H>(); // in another array
    drop(children.swap_remove(77));
    assert_eq!(take::<H>(&late, &array).unwrap().slot(), 77);
}
