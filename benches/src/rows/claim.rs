//! Claiming a chunk and saying that it is done.

use std::hint::black_box;
use std::sync::atomic::Ordering::SeqCst;

use ndarray::Axis;
use shmarray::prelude::*;

use crate::pair::{shared_counter, together, two_cores};
use crate::row::{Contender, Row, Run, alone, anywhere};

/// Chunks of a round, which is followed by another when they are done.
const CHUNKS: usize = 1 << 16;
const FLOOR: &str = "a counter that is added to, which forgets who took what";

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row {
            key: "claim".into(),
            title: "claim a chunk and say that it is done".into(),
            floor: FLOOR,
            bytes: None,
            goal: None,
            ready: anywhere,
            contenders: contenders(|work| alone(work())),
        },
        Row {
            key: "claim/2 processes".into(),
            title: "claim a chunk and say that it is done, two processes all the time".into(),
            floor: FLOOR,
            bytes: None,
            goal: None,
            ready: two_cores,
            contenders: contenders(|work| together([0, 1], work(), work())),
        },
    ]
}

type Work = Box<dyn FnMut(u64)>;

fn contenders(run: fn(&dyn Fn() -> Work) -> Run) -> Vec<Contender> {
    let ours = Contender::ours(move || {
        let array = GuardedArray::builder(CHUNKS).backend(BackendKind::Memfd).zeros().unwrap();
        let array: &'static GuardedArray<u8, Ix1> = Box::leak(Box::new(array));
        run(&|| {
            let mut round = 0;
            Box::new(move |count| claim(array, &mut round, count))
        })
    });
    let floor = Contender::floor(move || {
        let counter = shared_counter();
        run(&|| {
            Box::new(move |count| {
                for _ in 0..count {
                    black_box(counter.fetch_add(1, SeqCst));
                }
            })
        })
    });
    vec![ours, floor]
}

/// So many chunks, in as many rounds as it takes.
fn claim(array: &GuardedArray<u8, Ix1>, round: &mut u32, count: u64) {
    let mut left = count;
    while left > 0 {
        let mut chunks = array.chunks_of_round(*round, Axis(0), 1).unwrap();
        while left > 0
            && let Some(chunk) = chunks.next()
        {
            chunk.unwrap().done();
            left -= 1;
        }
        *round += u32::from(left > 0);
    }
}
