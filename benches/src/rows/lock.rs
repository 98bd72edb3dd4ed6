//! Taking a lock and letting it go. Under it the element is looked at, so that a guard has to lead
//! there.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use shmarray::prelude::*;

use crate::floor::sync::Lock;
use crate::pair::{shared_counter, together, two_cores};
use crate::peer::{self, Who};
use crate::row::{Contender, Goal, Row, Run, alone, anywhere};

const CORES: [usize; 2] = [0, 1];

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row {
            key: "lock/write".into(),
            title: "write lock+unlock, uncontended".into(),
            floor: "a futex word: a compare-and-swap and a swap; it tells nobody of a death, and \
                    knows no readers",
            bytes: None,
            goal: Some(Goal::OfFloor(1.1)),
            ready: anywhere,
            contenders: write(Who::Alone),
        },
        Row {
            key: "lock/write/2 processes".into(),
            title: "write lock+unlock, two processes all the time".into(),
            floor: "the same futex word, with a little spinning",
            bytes: None,
            goal: None,
            ready: two_cores,
            contenders: write(Who::Two(CORES)),
        },
        Row {
            key: "lock/read".into(),
            title: "read lock+unlock, uncontended".into(),
            floor: "a word that readers count in: two additions; it keeps nobody out",
            bytes: None,
            goal: None,
            ready: anywhere,
            contenders: read(Who::Alone),
        },
        Row {
            key: "lock/read/2 processes".into(),
            title: "read lock+unlock, two processes all the time".into(),
            floor: "the same word, which both count in",
            bytes: None,
            goal: None,
            ready: two_cores,
            contenders: read(Who::Two(CORES)),
        },
    ]
}

fn run(who: Who, work: impl Fn(u64) + Clone + 'static) -> Run {
    match who {
        Who::Alone => alone(work),
        Who::Two(cores) => together(cores, work.clone(), work),
    }
}

/// An array that stays, and leaves nothing behind.
fn array() -> &'static GuardedArray<u64, Ix1> {
    let array = GuardedArray::builder(8).backend(BackendKind::Memfd).zeros().unwrap();
    Box::leak(Box::new(array))
}

fn write(who: Who) -> Vec<Contender> {
    let ours = Contender::ours(move || {
        let array = array();
        run(who, move |count| {
            for _ in 0..count {
                black_box(array.write().unwrap().as_mut_ptr());
            }
        })
    });
    let floor = Contender::floor(move || {
        let lock = Lock::new();
        run(who, move |count| {
            for _ in 0..count {
                lock.lock();
                black_box(lock.word());
                lock.unlock();
            }
        })
    });
    [ours, floor].into_iter().chain(peer::write_lock(who)).collect()
}

fn read(who: Who) -> Vec<Contender> {
    let ours = Contender::ours(move || {
        let array = array();
        run(who, move |count| {
            for _ in 0..count {
                black_box(array.read().unwrap().as_ptr());
            }
        })
    });
    let floor = Contender::floor(move || {
        let readers: &'static AtomicU64 = shared_counter();
        run(who, move |count| {
            for _ in 0..count {
                readers.fetch_add(1, SeqCst);
                black_box(readers.as_ptr());
                readers.fetch_sub(1, SeqCst);
            }
        })
    });
    [ours, floor].into_iter().chain(peer::read_lock(who)).collect()
}
