//! `std::sync`: locks and barriers for the threads of one process.

use std::hint::black_box;
use std::sync::{Arc, Barrier, Mutex, RwLock};

use super::Who;
use crate::pair::threads;
use crate::row::{Run, alone};

impl Who {
    fn threads(self, work: impl Fn(u64) + Send + Sync + 'static) -> Run {
        match self {
            Self::Alone => alone(work),
            Self::Two(cores) => threads(cores, Arc::new(work)),
        }
    }
}

pub(super) fn mutex(who: Who) -> Run {
    let lock = Mutex::new(0);
    who.threads(move |count| {
        for _ in 0..count {
            black_box(&raw mut *lock.lock().unwrap());
        }
    })
}

pub(super) fn write(who: Who) -> Run {
    let lock = RwLock::new(0);
    who.threads(move |count| {
        for _ in 0..count {
            black_box(&raw mut *lock.write().unwrap());
        }
    })
}

pub(super) fn read(who: Who) -> Run {
    let lock = RwLock::new(0);
    who.threads(move |count| {
        for _ in 0..count {
            black_box(&raw const *lock.read().unwrap());
        }
    })
}

pub(super) fn barrier(cores: [usize; 2]) -> Run {
    let barrier = Barrier::new(2);
    Who::Two(cores).threads(move |count| {
        for _ in 0..count {
            barrier.wait();
        }
    })
}
