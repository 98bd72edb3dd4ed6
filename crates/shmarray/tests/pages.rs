//! Huge pages: where they are had, that the kernel has really given them, and what is said where not.

#![allow(clippy::unwrap_used, clippy::panic)] // a failed step fails the test

use std::io::Write;
use std::sync::OnceLock;

use rustix::process::Resource;
use shm_conformance::limits::limit;
use shm_conformance::private;
use shm_conformance::process::{self, Child, in_a_child};
use shm_map::{HugeFacts, Setting};
use shmarray::ndarray::{Array1, ShapeBuilder};
use shmarray::prelude::*;

const MIB: usize = 1 << 20;
/// Elements of 24 MiB and a little, which is more than 11 huge pages of 2 MiB.
const LEN: usize = 3 * MIB + 5;

/// How often the kernel had found no huge page when this process began.
static REFUSED: OnceLock<u64> = OnceLock::new();

fn main() {
    REFUSED.get_or_init(refused);
    process::main(
        &[("reader", reader)],
        &[
            ("a_mount_that_gives_them_is_used", mounts),
            ("without_them_it_says_why", says_why),
            ("shared_memory_of_the_kernel_takes_what_is_allowed", of_the_kernel),
            ("pages_of_the_pool_are_used_and_frozen", pool),
            ("too_little_space_is_an_error", too_little),
            ("a_narrow_address_space_does_not_matter", narrow),
            ("beside_a_limit_on_addresses_no_thread_is_made", no_thread),
            ("a_file_is_read_by_several_threads", loaded),
            ("no_thread_outlives_the_call", one_thread),
        ],
    );
}

/// Kilobytes that smaps(5) has in that field for the mappings of an array, and the bytes before them.
fn smaps(array: &SharedArray<u64, Ix1>, field: &str) -> usize {
    let first = array.raw_view().as_ptr() as usize;
    let last = first + array.nbytes() - 1;
    let text = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let (mut is_inside, mut sum) = (false, 0);
    for line in text.lines() {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        let hex = |text: &str| usize::from_str_radix(text, 16).ok();
        if let Some((start, end)) = range.and_then(|(start, end)| Some((hex(start)?, hex(end)?))) {
            is_inside = start <= last && end > first;
        } else if let Some(rest) = line.strip_prefix(field).filter(|_| is_inside) {
            sum += rest[1..].trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap();
        }
    }
    sum
}

/// Whether all huge pages that fit into an array are mapped as such. Where the kernel had none to give,
/// as memory is in pieces, it says what was wanted.
fn in_huge_pages(array: &SharedArray<u64, Ix1>, wanted: bool) -> bool {
    let kilobytes = smaps(array, "ShmemPmdMapped");
    if wanted && kilobytes < 22 << 10 && REFUSED.get().is_some_and(|before| *before < refused()) {
        println!("{kilobytes} kB in huge pages, as memory is in pieces: not tested");
        return true;
    }
    kilobytes >= 22 << 10
}

/// How often the kernel found no huge page for shared memory. See the kernel's `transhuge.rst`.
fn refused() -> u64 {
    let text = std::fs::read_to_string("/proc/vmstat").unwrap();
    let count = text.lines().find_map(|line| line.strip_prefix("thp_file_fallback "));
    count.map_or(0, |count| count.parse().unwrap())
}

/// Every element once, so that all pages are mapped here.
fn check(array: &SharedArray<u64, Ix1>) {
    assert_eq!(array.to_owned_array(), numbers());
}

fn numbers() -> Array1<u64> {
    (0..LEN as u64).collect()
}

fn on(backend: BackendKind) -> shmarray::SharedArray<u64, Ix1> {
    SharedArray::builder(LEN).backend(backend).copy_of(&numbers()).unwrap()
}

fn mounts() {
    for (option, by_default) in
        [("never", false), ("advise", true), ("within_size", true), ("always", true)]
    {
        in_a_child(|| {
            if !private::shm(&format!("size=300m,huge={option}")) {
                return println!("no mount of one's own: not tested");
            }
            let facts = HugeFacts::read();
            assert_eq!(facts.mount.word(), option);
            if matches!(facts.shmem, Setting::Deny | Setting::Force) {
                return println!("shmem_enabled rules all mounts: not tested");
            }
            let shm = BackendKind::Shm;
            let array = on(shm);
            assert_eq!(array.paging().huge.is_some(), by_default, "{option}: {array:?}");
            check(&array);
            assert_eq!(in_huge_pages(&array, by_default), by_default, "{option}");
            let has = smaps(&array, "ShmemPmdMapped");
            assert!(by_default || has == 0, "{option}: {has} kB in huge pages");
            // Attached anew, in this process and in others.
            let again = SharedArray::<u64, Ix1>::attach(array.name().as_str()).unwrap();
            check(&again);
            assert_eq!(smaps(&again, "ShmemPmdMapped"), has, "{option}");
            assert_eq!(again.paging().huge.is_some(), by_default);
            process::play("reader", &[array.name().as_str(), &has.to_string()]);
            again.destroy().unwrap();
            drop((array, again));

            // Where the mount has huge pages for all, what is small is in none.
            let small = SharedArray::<u8, _>::builder(10).backend(shm).zeros().unwrap();
            let again = SharedArray::<u8, Ix1>::attach(small.name().as_str()).unwrap();
            assert!(again.paging().huge.is_none(), "{option}: {again:?}");
            drop((small, again));

            // What is not written takes no more than it would.
            let zeros = SharedArray::<u64, _>::builder(LEN).backend(shm).zeros().unwrap();
            assert!(zeros.paging().huge.is_none());
            drop(zeros);
            let builder = || SharedArray::<u64, _>::builder(LEN).backend(shm).pages(Pages::Huge);
            let made = [
                builder().zeros(),
                builder().full(7),
                builder().commit(Commit::Populate).zeros(),
                builder().commit(Commit::Lazy).copy_of(&numbers()),
                builder().from_fn(|i| i as u64),
                builder().order(Order::Fortran).from_fn(|i| i as u64),
            ];
            let value = 0x0102_0304_0506_0708;
            let full = builder().full(value).unwrap();
            assert!(full.to_owned_array().iter().all(|element| *element == value));
            drop(full);
            for array in made {
                let array = array.unwrap();
                let first = array.get(3).unwrap();
                array.fill(first); // all are touched
                assert_eq!(array.get(LEN - 1), Some(first));
                assert_eq!(in_huge_pages(&array, by_default), by_default, "{option}: {array:?}");
                assert_eq!(array.paging().huge.is_some(), by_default);
            }
            assert_eq!(std::fs::read_dir("/dev/shm").unwrap().count(), 0);
        });
    }
}

/// Another process: finds the array by its name.
fn reader(arguments: &[String]) {
    let [name, has] = arguments else { panic!("{arguments:?}") };
    let array = SharedArray::<u64, Ix1>::attach(name).unwrap();
    check(&array);
    assert_eq!(smaps(&array, "ShmemPmdMapped").to_string(), *has);
}

fn says_why() {
    let facts = HugeFacts::read();
    for backend in BackendKind::ALL {
        let small = SharedArray::<u8, _>::builder(10).backend(backend).pages(Pages::Huge);
        let small = small.zeros().unwrap().paging();
        assert!(small.huge.is_none() && small.reason.contains("smaller"), "{small:?}");
        let auto = SharedArray::<u8, _>::builder(LEN).backend(backend).zeros().unwrap();
        assert!(auto.paging().huge.is_none(), "{auto:?}");
        if facts.shmem == Setting::Never && facts.free == 0 && backend != BackendKind::Shm {
            let large = SharedArray::<u64, _>::builder(LEN).backend(backend).pages(Pages::Huge);
            let large = large.copy_of(&numbers()).unwrap();
            check(&large);
            assert!(large.paging().reason.contains("shmem_enabled is never"), "{large:?}");
        }
    }
}

fn of_the_kernel() {
    let facts = HugeFacts::read();
    let allowed = matches!(
        facts.shmem,
        Setting::Always | Setting::WithinSize | Setting::Advise | Setting::Force
    );
    if !allowed {
        println!("shmem_enabled is {}: huge pages are not tested here", facts.shmem.word());
    }
    for backend in [BackendKind::Memfd, BackendKind::Mmap] {
        let array = on(backend);
        check(&array);
        assert_eq!(array.paging().huge.is_some(), allowed, "{array:?}");
        assert_eq!(in_huge_pages(&array, allowed), allowed, "{array:?}");
        if backend == BackendKind::Memfd {
            let again = SharedArray::<u64, Ix1>::from_payload(&array.payload().unwrap()).unwrap();
            check(&again);
            assert_eq!(in_huge_pages(&again, allowed), allowed, "{again:?}");
        }
    }
}

fn pool() {
    let before = HugeFacts::read().free;
    if before < 13 {
        return println!("{before} huge pages of the pool are free: not tested");
    }
    for backend in [BackendKind::Memfd, BackendKind::Mmap] {
        let builder = || SharedArray::<u64, _>::builder(LEN).backend(backend).pages(Pages::Huge);
        let array = builder().copy_of(&numbers()).unwrap();
        assert_eq!(array.paging().huge, Some(2 * MIB), "{array:?}");
        assert_eq!(smaps(&array, "KernelPageSize"), 2048);
        check(&array);
        assert_eq!(HugeFacts::read().free, before - 13);
        // More than are free: the next best.
        let most = usize::try_from(before).unwrap() * 2 * MIB / 8;
        let more = SharedArray::<u64, _>::builder(most).backend(backend).pages(Pages::Huge);
        let more = more.commit(Commit::Lazy).zeros().unwrap();
        assert!(!more.paging().reason.contains("enough hugetlb"), "{:?}", more.paging());
        drop(more);
        let filled = builder().from_fn(|i| i as u64);
        if let Ok(filled) = filled {
            check(&filled);
        }
        in_a_child(|| {
            array.set([0], 1).unwrap();
            // Pages of the pool are in a file, for which this limit ends in a signal.
            limit(Resource::Fsize, MIB as u64);
            match SharedArray::<u64, _>::builder(MIB).backend(backend).pages(Pages::Huge).full(7) {
                Ok(next_best) => assert_eq!(next_best.get(MIB - 1), Some(7)),
                Err(error) => assert!(matches!(error.kind(), ErrorKind::LimitReached { .. })),
            }
        });
        assert_eq!(array.get(0), Some(1));
        if backend == BackendKind::Mmap {
            let name = array.name().as_str();
            let twin = shmarray::ReadOnlyArray::<u64, Ix1>::attach(name).unwrap();
            assert_eq!(twin.get(0), Some(1));
            array.set([1], 2).unwrap();
            assert_eq!(twin.get(1), Some(2));
        } else {
            let payload = array.payload().unwrap();
            let again = SharedArray::<u64, Ix1>::from_payload(&payload).unwrap();
            assert_eq!((again.get(0), again.get(5)), (Some(1), Some(5)));
            assert_eq!(smaps(&again, "KernelPageSize"), 2048);
            drop(again);
            let origin = payload.origin.unwrap();
            let seen = shm_survey::find(&format!("{}:{}", origin.pid, origin.fd)).unwrap();
            assert_eq!(seen.header().name(), array.name());
            assert_eq!((seen.len(), seen.allocated()), (26 << 20, 26 << 20));
            let mut third = [0; 8];
            seen.read_at(&mut third, 16).unwrap(); // of the data
            assert_eq!(u64::from_ne_bytes(third), 2);
            drop(seen);
            let again = array.detach().attach().unwrap();
            let frozen = again.into_memfd().unwrap().freeze().unwrap();
            assert_eq!(frozen.view()[5], 5);
            assert_eq!(frozen.paging().huge, Some(2 * MIB));
        }
    }
    assert_eq!(HugeFacts::read().free, before, "all have been given back");
}

fn too_little() {
    for option in ["advise", "always"] {
        in_a_child(|| {
            if !private::shm(&format!("size=16m,huge={option}")) {
                return println!("no mount of one's own: not tested");
            }
            let shm = || SharedArray::<u64, _>::builder(LEN).backend(BackendKind::Shm);
            for made in [shm().copy_of(&numbers()), shm().pages(Pages::Huge).zeros()] {
                let error = made.unwrap_err();
                assert!(matches!(error.kind(), ErrorKind::NoSpace { .. }), "{error}");
            }
            assert_eq!(std::fs::read_dir("/dev/shm").unwrap().count(), 0);
            // What is left of the last huge page is used as well.
            let most = (16 * MIB - 12_288) / 8;
            let full = SharedArray::<u64, _>::builder(most).backend(BackendKind::Shm);
            let full = full.pages(Pages::Huge).full(9).unwrap();
            assert_eq!(full.get(most - 1), Some(9));
        });
    }
}

/// The alignment takes address space for a moment: where there is none, it does without.
fn narrow() {
    in_a_child(|| {
        if !private::shm("size=100m,huge=advise") {
            return println!("no mount of one's own: not tested");
        }
        let pages = || {
            let text = std::fs::read_to_string("/proc/self/statm").unwrap();
            text.split(' ').next().unwrap().parse::<usize>().unwrap()
        };
        let make = || {
            let builder = SharedArray::<u64, _>::builder(LEN).backend(BackendKind::Shm);
            builder.pages(Pages::Huge).full(1).unwrap()
        };
        // Whatever a first call takes for good, and a second, as malloc(3) keeps what is of a size
        // that was freed before.
        drop(make());
        drop(make());
        let before = pages();
        let array = make();
        let (ours, size) = (pages() - before, LEN * 8 / 4096 + 4);
        assert!(ours <= size + 1, "{ours} pages for {size}");
        drop(array);
        assert_eq!(pages(), before);
        limit(Resource::As, (before + size + 100) as u64 * 4096);
        assert_eq!(make().get(LEN - 1), Some(1));
    });
}

/// A thread without room for its signal stack would end the process.
fn no_thread() {
    for limited in [false, true] {
        in_a_child(|| {
            if !private::pids() {
                return println!("no process ids of one's own: not tested");
            }
            in_a_child(|| {
                if limited {
                    limit(Resource::As, 1 << 40);
                }
                let cores = std::thread::available_parallelism().unwrap().get();
                drop(on(BackendKind::Mmap));
                // Threads take ids as processes do: this is process 1, and ids are given in turn.
                let next = Child::fork(|| i32::from(std::process::id() == 2)).wait().code();
                assert_eq!(next, Some(i32::from(limited || cores == 1)));
            });
        });
    }
}

fn loaded() {
    const LONG: usize = 10 * MIB; // 80 MiB, more than is read at once
    in_a_child(|| {
        if !private::shm("size=200m,huge=advise") {
            return println!("no mount of one's own: not tested");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.npy");
        let numbers: Array1<u64> = (0..LONG as u64).collect();
        let array = SharedArray::builder(LONG).backend(BackendKind::Mmap).copy_of(&numbers);
        array.unwrap().save(&path).unwrap();
        for backend in BackendKind::ALL {
            let mut calls = Vec::new();
            let load = SharedArray::<u64, Ix1>::load(&path).backend(backend).pages(Pages::Huge);
            let array = load.progress(|done, all| calls.push((done, all))).create().unwrap();
            assert_eq!(array.to_owned_array(), numbers, "{backend}");
            let all = (LONG * 8) as u64;
            assert!(calls.is_sorted() && calls.last() == Some(&(all, all)), "{calls:?}");
            if backend == BackendKind::Shm {
                assert!(array.paging().huge.is_some());
            }
        }
        // A file that ends while it is read: by a member that is shorter than its header says.
        let fortran = shmarray::ndarray::Array2::<u64>::zeros((3 * MIB, 2).f());
        let made = SharedArray::builder((3 * MIB, 2)).backend(BackendKind::Shm);
        made.order(Order::Fortran).copy_of(&fortran).unwrap();
        let file = std::fs::File::options().append(true).open(&path).unwrap();
        (&file).write_all(b"!").unwrap();
        let long = SharedArray::<u64, Ix1>::load(&path).backend(BackendKind::Shm).create();
        assert!(long.is_err());
        assert_eq!(std::fs::read_dir("/dev/shm").unwrap().count(), 0);
    });
}

/// A process that forks after it has made a large array has one thread.
fn one_thread() {
    let array = SharedArray::<u64, _>::builder(LEN).backend(BackendKind::Mmap);
    let array = array.commit(Commit::Populate).copy_of(&numbers()).unwrap();
    check(&array);
    // The kernel may take a moment to put away a thread that has been joined.
    let is_alone = || std::fs::read_dir("/proc/self/task").unwrap().count() == 1;
    assert!((0..100_000).any(|_| is_alone()));
    in_a_child(|| {
        let more = SharedArray::<u64, _>::builder(LEN).backend(BackendKind::Mmap);
        let more = more.commit(Commit::Populate).copy_of(&numbers()).unwrap();
        check(&more);
    });
}
