//! Garbage in every word of the tables: every call ends, with a result or an error, and none leaves the
//! mapping or the file. Runs in forked children, so that a hang or a signal is told.

#![allow(unsafe_code, clippy::unwrap_used, clippy::panic)] // overwrites words; a failed step fails the test

mod support;

use shm_arena::{Arena, Geometry, META_LEN};
use shm_conformance::dice::Dice;
use shm_conformance::process::in_a_child;
use shm_core::{Access, Segment};
use support::{GrowingMemfd, words};

fn main() {
    shm_conformance::process::main(
        &[],
        &[
            ("garbage_in_all_words_at_once", everywhere),
            ("garbage_in_each_word_of_the_first_arrays", one_by_one),
        ],
    );
}

const META: [u8; META_LEN] = [1; META_LEN];

fn arena() -> Arena<GrowingMemfd> {
    let geometry = Geometry::new(512, 1 << 28).unwrap();
    Arena::create(GrowingMemfd::new(geometry.table_bytes()), geometry).unwrap()
}

/// What a word may say: bits that mean something, and those that do not.
fn garbage(dice: &mut Dice) -> u64 {
    match dice.below(8) {
        0 => u64::MAX,
        1 => 0,
        2 => dice.below(256),
        3 => dice.below(4) << 62 | dice.below(3),
        4 => 3 << 62 | dice.below(130) << 32 | dice.below(3),
        5 => 1 << dice.below(64),
        6 => dice.below(1 << 20) << 8 | dice.below(83),
        _ => dice.roll(),
    }
}

/// Calls everything. What it gives does not matter, but that it ends, and where blocks lie.
fn exercise(arena: &Arena<GrowingMemfd>) {
    let reserve = arena.geometry().reserve();
    let mut held = Vec::new();
    for len in [0, 64, 5000, 65_536] {
        if let Ok(draft) = arena.create_block(len, 1, &META) {
            _ = draft.is_zero();
            held.extend(draft.publish());
        }
    }
    for index in [0, 1, 63, 64, 128, 511, 512] {
        for generation in [0, 1, 2, u64::MAX] {
            held.extend(arena.attach_block(index, generation));
        }
    }
    for block in &held {
        assert!(block.offset() + block.len() <= reserve);
        if !block.is_empty() {
            let start = block.start().unwrap();
            // SAFETY: a byte of the block, which is mapped and backed: SIGBUS fails the test.
            let first = unsafe { start.read_volatile() };
            let end = start.as_ptr().wrapping_add(usize::try_from(block.len()).unwrap() - 1);
            // SAFETY: as above, the last one.
            let last = unsafe { end.read_volatile() };
            _ = (first, last);
        }
    }
    _ = arena.stats();
    _ = arena.collect();
    drop(held);
    _ = Arena::attach(arena.segment().reopened(Access::ReadWrite)).map(|arena| arena.stats());
}

/// Where the tables lie, in words: from the arena's first page to the end of the rows' first pages.
fn tables(arena: &Arena<GrowingMemfd>) -> std::ops::Range<usize> {
    let start = arena.segment().header().data_offset().next_multiple_of(4096);
    let end = start + arena.geometry().table_bytes() - 4096;
    usize::try_from(start / 8).unwrap()..usize::try_from(end / 8).unwrap()
}

fn everywhere() {
    for seed in 0..150 {
        in_a_child(|| {
            let mut dice = Dice::new(seed);
            let arena = arena();
            let kept = arena.create_block(100, 1, &META).unwrap().publish();
            let (mapping, start, count) = words(arena.segment());
            let share = 1 + dice.below(50);
            for place in tables(&arena).filter(|place| *place < count) {
                if dice.one_in(share) {
                    // SAFETY: a word of the mapping.
                    unsafe { start.wrapping_add(place).write_volatile(garbage(&mut dice)) };
                }
            }
            exercise(&arena);
            drop((kept, mapping));
        });
    }
}

fn one_by_one() {
    let places = tables(&arena());
    // The first words of each table, and those of the first rows.
    let near = |place: &usize| (place - places.start) % 512 < 24 && place - places.start < 40_000;
    let all: Vec<_> = places.clone().filter(near).collect();
    assert!(all.len() > 1000);
    for (part, some) in all.chunks(100).enumerate() {
        in_a_child(|| {
            let mut dice = Dice::new(part as u64);
            for place in some {
                let arena = arena();
                exercise(&arena);
                let (mapping, start, _) = words(arena.segment());
                // SAFETY: a word of the mapping.
                unsafe { start.wrapping_add(*place).write_volatile(garbage(&mut dice)) };
                exercise(&arena);
                drop(mapping);
            }
        });
    }
}
