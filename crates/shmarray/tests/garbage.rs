//! Segments whose shared words are anything: every call ends, with an error or by recovering.
#![cfg(feature = "shm")]
#![allow(clippy::unwrap_used)] // a failed step fails the test

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::sync::mpsc;
use std::time::Duration;

use ndarray::Ix2;
use shmarray::prelude::*;

/// Longer than all calls together take.
const HANGS: Duration = Duration::from_secs(100);
const SOON: Duration = Duration::from_millis(30);
const SYNC: std::ops::Range<u64> = 128..1024;
/// In a header without long parts, the slot table is on the second page.
const SLOTS: std::ops::Range<u64> = 4096..4096 + MOST_SLOTS * 64;
const MOST_SLOTS: u64 = 1024;

/// A generator of numbers that are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 29)
    }

    /// A word of one of the kinds that are dangerous: any, small in each field, all ones, none.
    fn word(&mut self) -> u64 {
        let any = self.next();
        match any % 8 {
            0 => any,
            1 => u64::MAX,
            2 => any & 0x0000_0003_0001_f803,
            3 => any & 0x0000_01a0_0000_0583,
            4 => any & 0x7ff,
            5 => 1 << (any >> 8 & 63),
            _ => 0,
        }
    }
}

/// All that can be done with an array, to its end. What it gives does not matter.
fn use_everything(array: &GuardedArray<u32, Ix2>) {
    let _ = array.read_within(SOON).map(|guard| guard.sum());
    let _ = array.write_within(SOON).map(|mut guard| guard.fill(1));
    for round in [0, 1, 2] {
        let Ok(chunks) = array.chunks_of_round(round, Axis(0), 3) else { continue };
        let _ = chunks.progress();
        // More than there are would be an endless loop.
        for (number, chunk) in chunks.within(SOON).enumerate() {
            assert!(number < 20, "a chunk too many");
            let Ok(mut chunk) = chunk else { break };
            chunk.fill(2);
            chunk.done();
        }
    }
    if let Ok(mut barrier) = array.barrier(1) {
        let _ = barrier.wait_within(SOON);
    }
    let progress = array.progress();
    progress.add(1);
    let _ = progress.wait_past(progress.get(), Timeout::After(SOON));
    let _ = array.participants();
    let _ = array.is_poisoned();
}

/// All that can be done with a ring, likewise.
fn use_ring(array: &GuardedArray<u32, Ix2>) {
    let Ok(ring) = array.ring(3) else { return };
    for _ in 0..3 {
        let frames = [
            ring.produce(SOON),
            ring.claim(SOON),
            ring.claim_at(2, SOON),
            ring.collect(SOON),
            ring.produce(Timeout::NoWait),
        ];
        let held: Vec<_> = frames.into_iter().filter_map(|frame| frame.ok().flatten()).collect();
        let mut places: Vec<_> = held.iter().map(shmarray::sync::Frame::index).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), held.len(), "a frame was handed out twice");
        for mut frame in held {
            frame.fill(3);
            frame.done();
        }
    }
    ring.close();
    let _ = ring.collect(SOON);
}

/// Writes words into the segment of a fresh array, then uses it by all means.
fn survives(slots: u64, words: &[(u64, u64)]) {
    survives_use(slots, words, use_everything);
}

fn survives_use(slots: u64, words: &[(u64, u64)], using: fn(&GuardedArray<u32, Ix2>)) {
    let (done, wait) = mpsc::channel();
    let all = words.to_vec();
    std::thread::spawn(move || {
        let first: GuardedArray<u32, Ix2> = GuardedArray::builder((10, 4))
            .unique("garbage")
            .backend(BackendKind::Shm)
            .slots(u32::try_from(slots).unwrap())
            .zeros()
            .unwrap();
        let path = std::path::Path::new("/dev/shm").join(first.name().as_str());
        let file = OpenOptions::new().write(true).open(path).unwrap();
        for (at, word) in all {
            file.write_all_at(&word.to_ne_bytes(), at).unwrap();
        }
        let second: GuardedArray<u32, Ix2> = GuardedArray::attach(first.name().as_str()).unwrap();
        using(&second);
        using(&first);
        done.send(()).unwrap();
    });
    let ended = wait.recv_timeout(HANGS);
    let few = &words[..words.len().min(8)];
    assert!(ended.is_ok(), "{ended:?} with {} words: {few:x?}", words.len());
}

#[test]
fn each_word_alone() {
    let mut numbers = Numbers(1);
    let lines = (SLOTS.start..SLOTS.start + 128).step_by(8);
    for at in SYNC.step_by(8).take(32).chain(lines) {
        for _ in 0..4 {
            survives(128, &[(at, numbers.word())]);
        }
    }
}

#[test]
fn many_words_at_once() {
    for seed in 0..60 {
        let mut numbers = Numbers(seed * 1000);
        let slots = if seed % 6 == 0 { MOST_SLOTS } else { 128 };
        let lines = SLOTS.start..SLOTS.start + slots / 2 * 64;
        let all = SYNC.step_by(8).chain(lines.step_by(8));
        let words: Vec<_> = all.map(|at| (at, numbers.word())).collect();
        survives(slots, &words);
    }
}

#[test]
fn nothing_but_ones() {
    for slots in [1, 128, MOST_SLOTS] {
        let lines = SLOTS.start..SLOTS.start + slots * 64;
        let words = SYNC.chain(lines).step_by(8).map(|at| (at, u64::MAX));
        survives(slots, &words.collect::<Vec<_>>());
    }
}

#[test]
fn a_ring_of_garbage() {
    let ring = SYNC.start + 256..SYNC.start + 768;
    let stages = (SLOTS.start + 56..SLOTS.start + 56 + 4 * 64).step_by(64);
    let mut numbers = Numbers(7);
    for at in ring.clone().step_by(8).take(18).chain(stages.clone()) {
        survives_use(128, &[(at, numbers.word())], use_ring);
    }
    // Frames with a few bits in each field, in a ring that is as this program makes it.
    for _ in 0..60 {
        let plan = (ring.start, 3 << 8 | 10);
        let counters = [8, 16].map(|at| (ring.start + at, numbers.next() & 0x3f));
        let frames: Vec<_> = (ring.start + 128..ring.start + 208)
            .step_by(8)
            .map(|at| (at, numbers.next() & 0x0000_0001_0003_b003))
            .collect();
        let lines: Vec<_> = stages.clone().map(|at| (at, numbers.word())).collect();
        let words = [vec![plan], counters.to_vec(), frames, lines].concat();
        survives_use(128, &words, use_ring);
    }
    survives_use(128, &ring.step_by(8).map(|at| (at, u64::MAX)).collect::<Vec<_>>(), use_ring);
}

/// What no step leads to, but would hand one chunk to two workers.
#[test]
fn no_chunk_is_given_to_two() {
    let task = |round: u64, chunk: u64| round << 37 | chunk << 7 | 2;
    let plan = 1 << 37 | 3 << 7;
    let cursor = |next: u64| 1 << 37 | next << 10;
    let entry = |line: u64| SLOTS.start + line * 64 + 32;
    let at = |offset| SYNC.start + offset;
    for words in [
        // Held twice, held beyond the cursor, held beyond the end.
        [(at(128), plan), (at(136), cursor(2)), (entry(3), task(1, 0)), (entry(4), task(1, 0))],
        [(at(128), plan), (at(136), cursor(4)), (entry(3), task(1, 1)), (entry(9), task(1, 1))],
        [(at(128), plan), (at(136), cursor(1)), (entry(3), task(1, 2)), (entry(4), 0)],
        [(at(128), plan), (at(136), cursor(4)), (entry(3), task(1, 99)), (entry(4), 0)],
    ] {
        let array: GuardedArray<u32, Ix2> = GuardedArray::builder((10, 4))
            .unique("twice")
            .backend(BackendKind::Shm)
            .zeros()
            .unwrap();
        let path = std::path::Path::new("/dev/shm").join(array.name().as_str());
        let file = OpenOptions::new().write(true).open(path).unwrap();
        for (at, word) in words {
            file.write_all_at(&word.to_ne_bytes(), at).unwrap();
        }
        let (mut held, mut error) = (Vec::new(), None);
        for chunk in array.chunks(3).unwrap().within(SOON) {
            match chunk {
                Ok(chunk) => held.push(chunk),
                Err(found) => error = Some(found.to_string()),
            }
        }
        let mut indices: Vec<_> = held.iter().map(shmarray::sync::Chunk::index).collect();
        indices.sort_unstable();
        indices.dedup();
        assert_eq!(indices.len(), held.len(), "{words:x?}");
        assert!(error.is_some_and(|text| text.contains("corrupt")), "{words:x?}");
    }
}
