//! Create, attach and pass, for each backend and size, beside the bare system calls that keep the
//! same promises (`floor/`). Read the ratios, not the times.
#![allow(unsafe_code, clippy::unwrap_used)] // fork; a bench that fails shall stop

mod floor;
mod peer;

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion};
use rustix::thread::{CpuSet, sched_setaffinity};
use shmarray::prelude::*;

const SIZES: [(&str, usize); 3] = [("4KiB", 4 << 10), ("1MiB", 1 << 20), ("1GiB", 1 << 30)];

fn array(backend: BackendKind, bytes: usize, name: &str) -> SharedArray<u8, Ix1> {
    SharedArray::builder(bytes).name(name).backend(backend).zeros().unwrap()
}

/// A name that nobody else has; making one is not measured, as the floor does not either.
fn fresh_name() -> String {
    shmarray::unique_name("bench").unwrap().to_string()
}

fn path() -> String {
    format!("/dev/shm/{}", fresh_name())
}

fn create(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("create+destroy");
    for (size, bytes) in SIZES {
        // Reserving a gigabyte takes a tenth of a second.
        group.sample_size(if bytes < 1 << 30 { 60 } else { 10 });
        for backend in BackendKind::ALL {
            let ours = BenchmarkId::new(format!("{backend}/ours"), size);
            let name = fresh_name();
            group.bench_function(ours, |bench| {
                bench.iter(|| black_box(array(backend, bytes, &name)));
            });
            let floor = BenchmarkId::new(format!("{backend}/floor"), size);
            let path = path();
            group.bench_function(floor, |bench| match backend {
                BackendKind::Shm => {
                    bench.iter(|| floor::create_named(&path, bytes).leave(&path));
                }
                BackendKind::Mmap => bench.iter(|| floor::create_anonymous(bytes)),
                _ => bench.iter(|| floor::create_memfd(bytes)),
            });
        }
    }
}

fn attach(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("attach+read+detach");
    for (size, bytes) in SIZES {
        let named = array(BackendKind::Shm, bytes, &fresh_name());
        let name = named.name().as_str();
        group.bench_function(BenchmarkId::new("shm/ours", size), |bench| {
            bench.iter(|| SharedArray::<u8, Ix1>::attach(name).unwrap().get(0));
        });
        let path = path();
        let made = floor::create_named(&path, bytes);
        group.bench_function(BenchmarkId::new("shm/floor", size), |bench| {
            bench.iter(|| {
                let found = floor::attach_named(&path, bytes);
                black_box(found.map().first());
                found.leave(&path);
            });
        });
        made.leave(&path);

        let memfd = array(BackendKind::Memfd, bytes, &fresh_name());
        let payload = memfd.payload().unwrap();
        group.bench_function(BenchmarkId::new("memfd/ours", size), |bench| {
            bench.iter(|| SharedArray::<u8, Ix1>::from_payload(&payload).unwrap().get(0));
        });
        let (_map, fd) = floor::create_memfd(bytes);
        group.bench_function(BenchmarkId::new("memfd/floor", size), |bench| {
            bench.iter(|| floor::attach_memfd(std::os::fd::AsFd::as_fd(&fd), bytes).0.first());
        });
    }
}

fn pass(criterion: &mut Criterion, peer: &peer::Peer) {
    let mut group = criterion.benchmark_group("pass+attach+read+answer");
    for (size, bytes) in SIZES {
        let memfd = array(BackendKind::Memfd, bytes, &fresh_name());
        group.bench_function(BenchmarkId::new("memfd/ours", size), |bench| {
            bench.iter(|| peer.ours(&memfd));
        });
        let (_map, fd) = floor::create_memfd(bytes);
        group.bench_function(BenchmarkId::new("memfd/floor", size), |bench| {
            bench.iter(|| peer.floor(std::os::fd::AsFd::as_fd(&fd), bytes));
        });
    }
}

/// Both sides of a pass on one core: how far two cores are apart is not what is measured.
fn stay_on_one_core() {
    let mut core = CpuSet::new();
    core.set(0);
    sched_setaffinity(None, &core).unwrap();
}

fn main() {
    stay_on_one_core();
    let peer = peer::Peer::fork(); // before criterion starts a thread
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    create(&mut criterion);
    attach(&mut criterion);
    pass(&mut criterion, &peer);
    criterion.final_summary();
}
