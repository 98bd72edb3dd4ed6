//! Forked children, stopped processes, and limits of a process.

#![allow(unsafe_code, clippy::unwrap_used, clippy::panic)] // setrlimit; a failed step fails the test

mod support;

use shm_arena::{Arena, Geometry, META_LEN};
use shm_conformance::process::{Child, in_a_child};
use shm_core::{Access, ErrorKind};
use support::GrowingMemfd;

const META: [u8; META_LEN] = [0; META_LEN];

fn main() {
    shm_conformance::process::main(
        &[],
        &[
            ("a_forked_child_has_no_handle_and_gives_none_back", forked_child),
            ("a_forked_child_attaches_for_itself", child_attaches),
            ("a_stopped_process_keeps_what_it_has_and_stops_nobody", stopped),
            ("what_the_dead_had_is_free_before_the_arena_is_full", dead_before_full),
            ("fewer_addresses_than_wanted_are_taken_at_creation_only", few_addresses),
            ("more_processes_than_slots_are_refused", slots),
        ],
    );
}

fn arena(arrays: u32) -> Arena<GrowingMemfd> {
    let geometry = Geometry::new(arrays, 1 << 30).unwrap();
    Arena::create(GrowingMemfd::new(geometry.table_bytes()), geometry).unwrap()
}

fn forked_child() {
    let arena = arena(512);
    let mine = arena.create_block(64, 1, &META).unwrap().publish().unwrap();
    in_a_child(|| {
        let refused = mine.start().unwrap_err();
        assert!(matches!(refused.kind(), ErrorKind::ForkedChild { .. }), "{refused}");
        // SAFETY: `mine` is forgotten by `in_a_child`, which ends the process without clean-up.
        drop(unsafe { std::ptr::read(&raw const mine) });
    });
    let stats = arena.stats().unwrap();
    assert_eq!((stats.arrays, stats.handles), (1, 1));
    assert!(mine.start().is_ok());
}

fn child_attaches() {
    let arena = arena(512);
    let mine = arena.create_block(64, 1, &META).unwrap().publish().unwrap();
    let (index, generation) = (mine.index(), mine.generation());
    let child = Child::idle(|| {
        let own = arena.attach_block(index, generation).unwrap();
        std::mem::forget(own);
    });
    drop(mine);
    assert_eq!(arena.collect().unwrap(), 0, "the child lives");
    assert_eq!(arena.stats().unwrap().arrays, 1);
    child.kill();
    drop(child);
    assert_eq!(arena.collect().unwrap(), 1);
    assert_eq!(arena.stats().unwrap().arrays, 0);
}

fn stopped() {
    let arena = arena(512);
    let child = Child::idle(|| {
        for _ in 0..100 {
            std::mem::forget(arena.create_block(64, 1, &META).unwrap());
        }
    });
    child.stop();
    assert_eq!(arena.collect().unwrap(), 0);
    let blocks: Vec<_> = (0..384).map(|_| arena.create_block(64, 1, &META).unwrap()).collect();
    assert_eq!(arena.stats().unwrap().changing, 484);
    drop(blocks);
    child.kill();
    drop(child);
    assert_eq!(arena.collect().unwrap(), 100);
}

fn dead_before_full() {
    let arena = arena(512);
    // This process has another slot than the children: it does not rescue them as it takes its own.
    drop(arena.create_block(64, 1, &META).unwrap());
    for round in 0..3 {
        in_a_child(|| {
            for _ in 0..512 {
                std::mem::forget(arena.create_block(64, 1, &META).unwrap());
            }
        });
        assert_eq!(arena.stats().unwrap().free, 0, "round {round}");
    }
    let all: Vec<_> = (0..512).map(|_| arena.create_block(64, 1, &META).unwrap()).collect();
    assert_eq!(arena.stats().unwrap().slabs, 8);
    drop(all);
}

fn few_addresses() {
    in_a_child(|| {
        let limit = libc::rlimit { rlim_cur: 3 << 30, rlim_max: 3 << 30 };
        // SAFETY: a limit of this child.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
        let geometry = Geometry::new(4096, 16 << 30).unwrap();
        let arena = Arena::create(GrowingMemfd::new(geometry.table_bytes()), geometry).unwrap();
        assert_eq!(arena.geometry().reserve(), 2 << 30);
        arena.create_block(4096, 1, &META).unwrap();
        let refused = Arena::attach(arena.segment().reopened(Access::ReadWrite)).unwrap_err();
        assert!(matches!(refused.kind(), ErrorKind::LimitReached { .. }), "{refused}");
    });
}

fn slots() {
    let arena = arena(512);
    let again = || Arena::attach(arena.segment().reopened(Access::ReadWrite)).unwrap();
    let all: Vec<_> = (0..128).map(|_| again()).collect();
    let blocks: Vec<_> =
        all.iter().map(|arena| arena.create_block(64, 1, &META).unwrap()).collect();
    let refused = arena.create_block(64, 1, &META).unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::LimitReached { .. }), "{refused}");
    drop((blocks, all));
    assert_eq!(arena.stats().unwrap().handles, 0);
    arena.create_block(64, 1, &META).unwrap();
}
