//! Many processes that create, attach, leave, replace, delete and die at random on the same names.
#![allow(clippy::unwrap_used)] // a failed step fails the test

#[allow(dead_code)] // some of it is for the other tests
mod common;

use std::time::Duration;

use shm_conformance::process::{self, Child};
use shm_conformance::{bytes, leaks, spec, unique_name};
use shm_core::{
    Access, Backend, Cleanup, ErrorKind, Fill, Header, Name, Named, Region, Result, Segment, Spec,
};
use shm_posix::{Posix, Publish};

use common::{Array, attach, holds};

const WORKERS: u64 = 4;
const ROUNDS: u64 = 4000;
const KILLS: u64 = 250;

fn main() {
    process::main(
        &[("create", |to| drop(create(&to[0].parse().unwrap(), Publish::Unnamed, 1, false)))],
        &[
            ("a_name_leads_to_whoever_is_present", || {
                race(|_, random, names| peace(random, names));
            }),
            ("whoever_attaches_finds_a_whole_array", || {
                race(|_, random, names| war(random, names));
            }),
            ("a_successor_keeps_its_name", || {
                race(|worker, random, names| match worker {
                    0 => replace(random, &names[0]),
                    _ => come_and_go(random, names),
                });
            }),
        ],
    );
}

/// A source of numbers that are different for each worker and run alike each time (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.index(from.len())]
    }

    fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap()
    }
}

/// Runs workers at the same time, kills and replaces them at random, and lets the last ones finish.
fn race(work: fn(u64, &mut Random, &[Name])) {
    let names = ["a", "b", "c"].map(unique_name);
    let start = |worker: u64, round: u64| {
        Child::fork(|| {
            process::die_if_hanging(100);
            work(worker, &mut Random((round + 1) * 0x9e37_79b9 + worker), &names);
            0
        })
    };
    let mut random = Random(0x5eed);
    let mut workers: Vec<_> = (0..WORKERS).map(|worker| (worker, start(worker, 0))).collect();
    for kill in 1..=KILLS {
        let (worker, child) = workers.swap_remove(random.index(workers.len()));
        if child.ends_within(Duration::from_micros(random.below(4000))) {
            assert!(child.wait().success());
        } else {
            child.kill();
            child.wait();
        }
        workers.push((worker, start(worker, kill)));
    }
    for (_, child) in workers {
        let status = child.wait();
        assert!(status.success(), "{status}");
    }
    tidy_up(&names);
}

/// What the dead left is whole, and goes with whoever comes next.
fn tidy_up(names: &[Name]) {
    for name in names {
        if let Some(array) = found(attach(name, Access::ReadWrite)) {
            assert!(holds(&array));
            assert!(Posix::default().delete(name).unwrap()); // it may be one that persists
        }
    }
    process::play("create", &[unique_name("new").as_str()]);
    assert_eq!(leaks::entries(), [""; 0]);
}

fn create(name: &Name, publish: Publish, value: u8, force: bool) -> Result<Array> {
    let spec = Spec { force, ..spec(name, 32) };
    let mut fill = |header: &Header, region: &dyn Region| -> Result<()> {
        bytes::fill(header, region, value);
        Ok(())
    };
    Posix::with_publish(publish).create(&spec, Some(Fill::InPlace(&mut fill)))
}

/// An array, whole, or `None` if the name was taken or free.
fn found(result: Result<Array>) -> Option<Array> {
    match result {
        Ok(array) => {
            let data = bytes::data(array.segment.header(), &array.region);
            assert!(data[0] != 0 && data == vec![data[0]; 256], "torn: {data:?}");
            Some(array)
        }
        Err(error) => {
            let kind = error.kind();
            let is_fair =
                matches!(kind, ErrorKind::AlreadyExists { .. } | ErrorKind::NotFound { .. });
            assert!(is_fair, "{error}");
            None
        }
    }
}

fn try_to_create(random: &mut Random, name: &Name, force: bool) -> Option<Array> {
    let publish = *random.pick(&[Publish::Unnamed, Publish::Temporary]);
    let value = u8::try_from(1 + random.below(255)).unwrap();
    found(create(name, publish, value, force))
}

/// As [`try_to_create`], with any policy.
fn try_to_create_for(random: &mut Random, name: &Name) -> Option<Array> {
    let cleanup = *random.pick(&[Cleanup::LastOut, Cleanup::Owner, Cleanup::Persist]);
    let spec = Spec { cleanup, ..spec(name, 32) };
    let mut fill = |header: &Header, region: &dyn Region| -> Result<()> {
        bytes::fill(header, region, 1);
        Ok(())
    };
    found(Posix::default().create(&spec, Some(Fill::InPlace(&mut fill))))
}

fn try_to_attach(random: &mut Random, name: &Name) -> Option<Array> {
    found(attach(name, *random.pick(&[Access::ReadOnly, Access::ReadWrite])))
}

/// Nobody removes by force: so the name leads to everybody who is present, all the time.
fn peace(random: &mut Random, names: &[Name]) {
    let mut held: Vec<Array> = Vec::new();
    for _ in 0..ROUNDS {
        let name = random.pick(names);
        let new = match random.below(2) {
            0 => try_to_create(random, name, false),
            _ => try_to_attach(random, name),
        };
        held.extend(new);
        if random.below(16) == 0 {
            Posix::default().collect().unwrap();
        }
        assert!(held.iter().all(holds), "somebody removed the name of one who is present");
        while random.below(3) > 0 && !held.is_empty() {
            drop(held.swap_remove(random.index(held.len())));
        }
    }
}

/// Everybody does everything: whoever gets an array gets a whole one.
fn war(random: &mut Random, names: &[Name]) {
    let mut held: Vec<Array> = Vec::new();
    for _ in 0..ROUNDS {
        let name = random.pick(names);
        match random.below(8) {
            0 => held.extend(try_to_create(random, name, false)),
            1 => held.extend(try_to_create(random, name, true)),
            2 => drop(Posix::default().delete(name).unwrap()),
            3 => held.iter().take(1).for_each(|array| array.segment.destroy().unwrap()),
            4 => drop(Posix::default().collect().unwrap()),
            5 => held.extend(try_to_create_for(random, name)),
            _ => held.extend(try_to_attach(random, name)),
        }
        while random.below(3) > 0 && !held.is_empty() {
            drop(held.swap_remove(random.index(held.len())));
        }
    }
}

/// The only one who replaces: so its newest array has the name until it makes the next one, however
/// many leave the older ones meanwhile.
fn replace(random: &mut Random, name: &Name) {
    let mut newest = None;
    for _ in 0..ROUNDS / 4 {
        let new = try_to_create(random, name, true);
        drop(newest);
        newest = new;
        for _ in 0..random.below(8) {
            assert!(newest.as_ref().is_some_and(holds), "a predecessor took the name along");
            std::thread::yield_now();
        }
    }
}

fn come_and_go(random: &mut Random, names: &[Name]) {
    let mut held = Vec::new();
    for _ in 0..ROUNDS {
        held.extend(try_to_attach(random, &names[0]));
        if held.len() > 2 || random.below(2) == 0 {
            held.clear();
        }
    }
}
