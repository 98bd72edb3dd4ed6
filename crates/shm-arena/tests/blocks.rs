//! Blocks within one process: made, attached, dropped, refused.

#![allow(unsafe_code, clippy::unwrap_used, clippy::panic)] // writes to blocks; a failed step fails the test

mod support;

use shm_arena::{Arena, Block, Geometry, META_LEN, Stats};
use shm_core::{Access, ErrorKind, Handover, Segment};
use support::GrowingMemfd;

const META: [u8; META_LEN] = [7; META_LEN];

fn arena(arrays: u32, reserve: u64) -> Arena<GrowingMemfd> {
    let geometry = Geometry::new(arrays, reserve).unwrap();
    Arena::create(GrowingMemfd::new(geometry.table_bytes()), geometry).unwrap()
}

fn block(arena: &Arena<GrowingMemfd>, len: u64) -> Block<GrowingMemfd> {
    arena.create_block(len, 1, &META).unwrap().publish().unwrap()
}

/// Another attachment, which has a slot of its own as another process would.
fn again(arena: &Arena<GrowingMemfd>) -> Arena<GrowingMemfd> {
    Arena::attach(arena.segment().reopened(Access::ReadWrite)).unwrap()
}

fn counts(arena: &Arena<GrowingMemfd>) -> (u64, u64, u64) {
    let Stats { arrays, changing, hidden, handles, .. } = arena.stats().unwrap();
    assert_eq!(hidden, 0, "a free block that nobody finds");
    (arrays, changing, handles)
}

#[test]
fn what_one_attachment_writes_another_reads() {
    let arena = arena(1000, 1 << 30);
    let other = again(&arena);
    let mine = block(&arena, 5000);
    assert!(mine.len() == 5000 && mine.offset().is_multiple_of(64));
    // SAFETY: 5000 bytes of a block that this test alone uses.
    unsafe { mine.start().unwrap().write_bytes(9, 5000) };
    let found = other.attach_block(mine.index(), mine.generation()).unwrap();
    assert_eq!((found.len(), found.meta(), found.offset()), (5000, &META, mine.offset()));
    assert_ne!(found.start().unwrap(), mine.start().unwrap(), "two mappings");
    // SAFETY: the last of 5000 bytes.
    assert_eq!(unsafe { found.start().unwrap().as_ptr().wrapping_add(4999).read() }, 9);
    assert_eq!(counts(&arena), (1, 0, 2));
    drop(mine);
    assert_eq!(counts(&arena), (1, 0, 1));
    drop(found);
    assert_eq!(counts(&arena), (0, 0, 0));
}

#[test]
fn a_stale_generation_is_an_error_and_frees_nothing() {
    let arena = arena(512, 1 << 30);
    let old = block(&arena, 100);
    let (index, generation) = (old.index(), old.generation());
    drop(old);
    let gone = arena.attach_block(index, generation).unwrap_err();
    assert!(matches!(gone.kind(), ErrorKind::NoSuchArray { .. }), "{gone}");
    let new = block(&arena, 100);
    assert_eq!((new.index(), new.generation()), (index, generation + 1), "the block is used again");
    for stale in [generation, generation + (1 << 32), generation + 1 + (1 << 32)] {
        assert!(again(&arena).attach_block(index, stale).is_err(), "{stale}");
    }
    assert_eq!(counts(&arena), (1, 0, 1));
    let out = arena.attach_block(u32::MAX, 1).unwrap_err();
    assert!(matches!(out.kind(), ErrorKind::OutOfBounds { .. }), "{out}");
    assert!(arena.attach_block(511, 0).is_err(), "of a slab that is not there");
    assert_eq!(counts(&arena), (1, 0, 1));
}

#[test]
fn a_draft_is_not_attached_and_is_free_when_it_is_dropped() {
    let arena = arena(512, 1 << 30);
    let draft = arena.create_block(64, 64, &META).unwrap();
    let (index, generation) = (draft.block().index(), draft.block().generation());
    assert!(draft.is_zero());
    assert!(again(&arena).attach_block(index, generation).is_err());
    assert_eq!(counts(&arena), (0, 1, 1));
    drop(draft);
    assert_eq!(counts(&arena), (0, 0, 0));
    assert!(!arena.create_block(64, 64, &META).unwrap().is_zero(), "it had a generation before");
}

#[test]
fn memory_of_large_blocks_goes_back_and_is_zero() {
    let arena = arena(512, 1 << 30);
    let len = 1 << 20;
    let memory = || {
        use std::os::unix::fs::MetadataExt;
        arena.segment().file().metadata().unwrap().blocks() * 512
    };
    let mine = block(&arena, len);
    let before = memory();
    // SAFETY: all bytes of a block that this test alone uses.
    unsafe { mine.start().unwrap().write_bytes(1, 1 << 20) };
    assert!(memory() >= before + len);
    drop(mine);
    assert!(memory() <= before);
    let draft = arena.create_block(len, 4096, &META).unwrap();
    assert!(draft.is_zero() && draft.block().generation() == 2);
    // SAFETY: all bytes of a block that this test alone uses.
    let bytes =
        unsafe { std::slice::from_raw_parts(draft.block().start().unwrap().as_ptr(), 1 << 20) };
    assert!(bytes.iter().all(|byte| *byte == 0));
}

#[test]
fn a_full_arena_says_so_and_goes_on() {
    let small = arena(512, 1 << 30);
    let all: Vec<_> = (0..512).map(|_| block(&small, 64)).collect();
    let full = small.create_block(64, 1, &META).unwrap_err();
    assert!(matches!(full.kind(), ErrorKind::LimitReached { value: Some(512), .. }), "{full}");
    drop(all);
    assert_eq!(counts(&small), (0, 0, 0));
    block(&small, 64);
    let other_class = small.create_block(128, 1, &META).unwrap_err();
    assert!(matches!(other_class.kind(), ErrorKind::LimitReached { .. }), "{other_class}");

    let narrow = arena(4096, 16 << 20);
    let mut held = Vec::new();
    let full = loop {
        match narrow.create_block(4096, 4096, &META) {
            Ok(draft) => held.push(draft),
            Err(error) => break error,
        }
    };
    let reserve = narrow.geometry().reserve();
    assert!(
        matches!(full.kind(), ErrorKind::LimitReached { value, .. } if *value == Some(reserve))
    );
    assert!(held.len() >= 512, "{}", held.len());
}

#[test]
fn what_cannot_be_is_refused() {
    let arena = arena(512, 1 << 30);
    for (len, align) in
        [((64 << 20) + 1, 1), (u64::MAX, 1), (1, 8192), (1, 3), (64 << 20, u64::MAX)]
    {
        let refused = arena.create_block(len, align, &META).unwrap_err();
        assert!(matches!(refused.kind(), ErrorKind::LimitReached { .. }), "{refused}");
    }
    for align in [0, 1, 2, 64, 4096] {
        let draft = arena.create_block(1, align, &META).unwrap();
        assert!(draft.block().offset().is_multiple_of(align.max(1)), "{align}");
    }
    let reading = arena.segment().reopened(Access::ReadOnly);
    let refused = Arena::attach(reading).unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::AccessDenied { .. }), "{refused}");
    let none = Arena::attach(GrowingMemfd::new(1 << 20)).unwrap_err();
    assert!(matches!(none.kind(), ErrorKind::NotASegment { .. }), "{none}");
    let short = Arena::create(GrowingMemfd::new(4096), Geometry::default()).unwrap_err();
    assert!(matches!(short.kind(), ErrorKind::Truncated { .. }), "{short}");
}

#[test]
fn threads_share_an_attachment() {
    let arena = arena(100_000, 4 << 30);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let arena = &arena;
            scope.spawn(move || {
                for round in 0..300 {
                    let blocks: Vec<_> =
                        (0..50).map(|len| block(arena, 64 + len + thread)).collect();
                    for mine in blocks.iter().skip(round % 3) {
                        arena.attach_block(mine.index(), mine.generation()).unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(counts(&arena), (0, 0, 0));
}

#[test]
fn an_arena_grows_for_all_without_a_new_mapping() {
    let arena = arena(10_000, 4 << 30);
    let other = again(&arena);
    let before = arena.segment().file().metadata().unwrap().len();
    let blocks: Vec<_> = (0..5000).map(|_| block(&arena, 4096)).collect();
    assert!(arena.segment().file().metadata().unwrap().len() >= before + 5000 * 4096);
    for mine in &blocks {
        let found = other.attach_block(mine.index(), mine.generation()).unwrap();
        // SAFETY: the last byte of a block of 4096 bytes.
        unsafe { found.start().unwrap().as_ptr().wrapping_add(4095).write(1) };
    }
    assert_eq!(arena.segment().header(), other.segment().header());
}
