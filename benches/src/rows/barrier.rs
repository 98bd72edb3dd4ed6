//! Meeting again and again: two processes on two cores or on one, and more than there are cores.

use std::io::{Read, Write};
use std::time::Instant;

use shmarray::prelude::*;

use crate::floor::sync;
use crate::pair::{Partner, together, two_cores};
use crate::peer;
use crate::row::{Contender, Goal, Row, Run, anywhere};

pub(crate) fn rows() -> Vec<Row> {
    let mut all = vec![
        two("2 cores", [0, 1], "a count and a phase that all spin on", true, two_cores),
        two("1 core", [0, 0], "a count and a phase, a futex slept on at once", false, anywhere),
    ];
    all.extend([8, 64].map(many));
    all
}

fn two(
    cores: &str,
    at: [usize; 2],
    floor: &'static str,
    spins: bool,
    ready: fn() -> Result<(), String>,
) -> Row {
    let ours = Contender::ours(move || {
        let array = array();
        warm(together(at, member(array, 2), member(array, 2)))
    });
    let floor_of = Contender::floor(move || {
        let barrier = sync::Barrier::new(2, spins);
        let work = move |count| (0..count).for_each(|_| barrier.wait());
        together(at, work, work)
    });
    Row {
        key: format!("barrier/{cores}"),
        title: format!("barrier, 2 processes on {cores}"),
        floor,
        bytes: None,
        goal: Some(Goal::OfFloor(1.25)),
        ready,
        contenders: [ours, floor_of].into_iter().chain(peer::barrier(at)).collect(),
    }
}

fn many(size: u32) -> Row {
    Row {
        key: format!("barrier/{size}"),
        title: format!("barrier, {size} processes on all cores"),
        floor: "a count and a phase, a futex slept on at once",
        bytes: None,
        goal: None,
        ready: anywhere,
        contenders: vec![
            Contender::ours(move || {
                let array = array();
                warm(several(size, || Box::new(member(array, size))))
            }),
            Contender::floor(move || {
                let barrier = sync::Barrier::new(size, false);
                several(size, || Box::new(move |count| (0..count).for_each(|_| barrier.wait())))
            }),
        ],
    }
}

/// That run, after all processes have taken their seats.
fn warm(mut run: Run) -> Run {
    run(1);
    run
}

/// An array that stays, and leaves nothing behind.
fn array() -> &'static SharedArray<u8, Ix1> {
    let array = SharedArray::builder(1).backend(BackendKind::Memfd).zeros().unwrap();
    Box::leak(Box::new(array))
}

/// Work of one process, which takes its seat at its first arrival.
fn member(array: &'static SharedArray<u8, Ix1>, size: u32) -> impl FnMut(u64) + 'static {
    let mut place = None;
    move |count| {
        let place = place.get_or_insert_with(|| array.barrier(size).unwrap());
        for _ in 0..count {
            place.wait().unwrap();
        }
    }
}

/// A run in which that many processes, this one included, do that work.
fn several(size: u32, make: impl Fn() -> Box<dyn FnMut(u64)>) -> Run {
    let serve = |mut socket: &std::os::unix::net::UnixStream| {
        let (mut work, mut count) = (make(), [0; 8]);
        while socket.read_exact(&mut count).is_ok() {
            work(u64::from_ne_bytes(count));
            socket.write_all(b"!").unwrap();
        }
    };
    let others = Partners((1..size).map(|_| Partner::fork(serve)).collect());
    let mut work = make();
    Box::new(move |count| {
        let sockets = || others.0.iter().map(Partner::socket);
        let start = Instant::now();
        sockets().for_each(|mut socket| socket.write_all(&count.to_ne_bytes()).unwrap());
        work(count);
        sockets().for_each(|mut socket| socket.read_exact(&mut [0]).unwrap());
        start.elapsed()
    })
}

struct Partners(Vec<Partner>);

impl Drop for Partners {
    fn drop(&mut self) {
        // The last one first: each has inherited our ends of the sockets of those before it.
        while self.0.pop().is_some() {}
    }
}
