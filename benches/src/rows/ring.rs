//! Items that one process fills and another reads, through a ring.

use std::hint::black_box;
use std::io::{Read, Write};
use std::sync::Arc;

use shmarray::prelude::*;
use shmarray::sync::Ring;

use crate::pair::{shared_counter, together, two_cores};
use crate::row::{Contender, Row, Run};

/// A batch of 256 images of 3 x 224 x 224 bytes.
const BATCH: usize = 256 * 3 * 224 * 224;
const FRAMES: usize = 4;

pub(crate) fn rows() -> Vec<Row> {
    let floor = "a pipe: filled, written, read, summed";
    vec![
        Row {
            key: "ring/38MB".into(),
            title: "fill a batch of 38 MB, hand it over, sum it".into(),
            floor,
            bytes: Some(BATCH as u64),
            goal: None,
            ready: two_cores,
            contenders: contenders(BATCH, FRAMES),
        },
        Row {
            key: "ring/64B".into(),
            title: "hand a frame of 64 bytes over and get it back".into(),
            floor: "a pipe each way",
            bytes: None,
            goal: None,
            ready: two_cores,
            contenders: contenders(64, 1),
        },
    ]
}

fn contenders(bytes: usize, frames: usize) -> Vec<Contender> {
    vec![
        Contender::ours(move || {
            let array: GuardedArray<u8, Ix2> =
                GuardedArray::builder((frames, bytes)).backend(BackendKind::Memfd).zeros().unwrap();
            let [filler, summer] = [(), ()].map(|()| array.ring(2).unwrap());
            together([0, 1], move |count| fill(&filler, count), move |count| sum(&summer, count))
        }),
        Contender::floor(move || pipe(bytes, frames)),
        Contender::peer("crossbeam-channel (threads)", move || channel(bytes, frames)),
    ]
}

fn fill(ring: &Ring<u8, Ix2>, count: u64) {
    for value in 0..count {
        let mut frame = ring.produce(Timeout::Forever).unwrap().unwrap();
        frame.fill(byte(value));
        frame.done();
    }
}

fn sum(ring: &Ring<u8, Ix2>, count: u64) {
    for _ in 0..count {
        let frame = ring.collect(Timeout::Forever).unwrap().unwrap();
        black_box(total(frame.as_slice().unwrap()));
        frame.done();
    }
}

fn byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

fn total(bytes: &[u8]) -> u64 {
    bytes.chunks(128).map(|chunk| u64::from(chunk.iter().map(|b| u16::from(*b)).sum::<u16>())).sum()
}

/// With one frame, the next is begun when the last has been read: a byte comes back.
fn pipe(bytes: usize, frames: usize) -> Run {
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let (mut returned, mut back) = std::io::pipe().unwrap();
    let _ = rustix::pipe::fcntl_setpipe_size(&writer, 1 << 20);
    let (mut filled, mut read) = (vec![0; bytes], vec![0; bytes]);
    let here = move |count| {
        for value in 0..count {
            filled.fill(byte(value));
            writer.write_all(&filled).unwrap();
            if frames == 1 {
                returned.read_exact(&mut [0]).unwrap();
            }
        }
    };
    together([0, 1], here, move |count| {
        for _ in 0..count {
            reader.read_exact(&mut read).unwrap();
            black_box(total(&read));
            if frames == 1 {
                back.write_all(b"!").unwrap();
            }
        }
    })
}

/// Buffers that go there full and come back empty.
fn channel(bytes: usize, frames: usize) -> Run {
    let (full, filled) = crossbeam_channel::bounded::<Vec<u8>>(frames);
    let (empty, emptied) = crossbeam_channel::bounded(frames);
    for _ in 0..frames {
        empty.send(vec![0; bytes]).unwrap();
    }
    let turn = shared_counter();
    crate::pair::threads(
        [0, 1],
        Arc::new(move |count| {
            // The first of the two threads fills, the other sums.
            if turn.fetch_add(1, std::sync::atomic::Ordering::SeqCst).is_multiple_of(2) {
                for value in 0..count {
                    let mut buffer = emptied.recv().unwrap();
                    buffer.fill(byte(value));
                    full.send(buffer).unwrap();
                }
            } else {
                for _ in 0..count {
                    let buffer = filled.recv().unwrap();
                    black_box(total(&buffer));
                    empty.send(buffer).unwrap();
                }
            }
        }),
    )
}
