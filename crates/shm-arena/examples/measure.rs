//! What create, attach, drop and rescue cost, in nanoseconds: the median of rounds.
//! `cargo run --release -p shm-arena --example measure`

#![allow(unsafe_code, clippy::unwrap_used, clippy::panic)] // writes to blocks; a failed step ends it

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::Instant;

use shm_arena::{Arena, Block, Geometry, META_LEN};
use shm_conformance::process::{Child, in_a_child};
use shm_core::Access;
use support::GrowingMemfd;

const META: [u8; META_LEN] = [0; META_LEN];
const ROUNDS: usize = 15;
const COUNT: usize = 10_000;
const MANY: usize = 100_000;

fn arena() -> Arena<GrowingMemfd> {
    let geometry = Geometry::default();
    Arena::create(GrowingMemfd::new(geometry.table_bytes()), geometry).unwrap()
}

fn make(arena: &Arena<GrowingMemfd>) -> Block<GrowingMemfd> {
    arena.create_block(4096, 1, &META).unwrap().publish().unwrap()
}

/// Nanoseconds for each of so many, the median of rounds.
fn report(name: &str, count: usize, mut round: impl FnMut() -> std::time::Duration) {
    let mut times: Vec<_> = (0..ROUNDS).map(|_| round().as_nanos() / count as u128).collect();
    times.sort_unstable();
    println!("{name:50} {:6} ns", times[ROUNDS / 2]);
}

fn time<T>(work: impl FnOnce() -> T) -> (std::time::Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

fn main() {
    let fresh = || time(|| (arena(), ())).1.0;
    report("create, fresh slabs, not filled", COUNT, || {
        let arena = fresh();
        drop(make(&arena)); // takes the slot
        time(|| (0..COUNT).map(|_| make(&arena)).collect::<Vec<_>>()).0
    });
    let one = arena();
    report("create, recycled", COUNT, || {
        let (time, blocks) = time(|| (0..COUNT).map(|_| make(&one)).collect::<Vec<_>>());
        drop(blocks);
        time
    });
    report("drop of the last handle", COUNT, || {
        let blocks: Vec<_> = (0..COUNT).map(|_| make(&one)).collect();
        time(|| drop(blocks)).0
    });
    report("create and drop, hot", COUNT, || time(|| (0..COUNT).for_each(|_| drop(make(&one)))).0);
    report("create and fill 4 KiB, recycled, and drop", COUNT, || {
        let fill = |_| {
            let draft = one.create_block(4096, 1, &META).unwrap();
            // SAFETY: all bytes of a block that nobody else has.
            unsafe { draft.block().start().unwrap().write_bytes(1, 4096) };
            black_box(draft.publish().unwrap());
        };
        time(|| (0..COUNT).for_each(fill)).0
    });

    let blocks: Vec<_> = (0..COUNT).map(|_| make(&one)).collect();
    let other = Arena::attach(one.segment().reopened(Access::ReadWrite)).unwrap();
    let attach = |block: &Block<_>| other.attach_block(block.index(), block.generation()).unwrap();
    report("attach in another attachment", COUNT, || {
        let (time, found) = time(|| blocks.iter().map(attach).collect::<Vec<_>>());
        drop(found);
        time
    });
    report("drop while another has a handle", COUNT, || {
        let found: Vec<_> = blocks.iter().map(attach).collect();
        time(|| drop(found)).0
    });
    drop(blocks);

    let many = arena();
    let (took, blocks) = time(|| (0..MANY).map(|_| make(&many)).collect::<Vec<_>>());
    println!("{MANY} arrays made: {} ns each", took.as_nanos() / MANY as u128);
    in_a_child(|| {
        let here = Arena::attach(many.segment().reopened(Access::ReadWrite)).unwrap();
        let attach = |block: &Block<_>| here.attach_block(block.index(), block.generation());
        let (took, found) = time(|| blocks.iter().map(attach).collect::<Result<Vec<_>, _>>());
        println!("{MANY} arrays attached: {} ns each", took.as_nanos() / MANY as u128);
        drop(found);
    });
    drop(blocks);
    let child = Child::idle(|| (0..MANY).for_each(|_| std::mem::forget(make(&many))));
    child.kill();
    drop(child);
    let (took, freed) = time(|| many.collect().unwrap());
    println!("rescue of {freed} arrays: {} ms", took.as_millis());
}
