//! What is measured: each does one thing so many times.
//!
//! Under a lock the element is looked at, so that a guard has to lead there.

use std::hint::black_box;
use std::sync::atomic::Ordering::SeqCst;

use ndarray::Axis;

use crate::stage::Worker;

pub(crate) fn write(worker: &mut Worker<'_>, count: u64) {
    for _ in 0..count {
        black_box(worker.stage.array.write().unwrap().as_mut_ptr());
    }
}

pub(crate) fn read(worker: &mut Worker<'_>, count: u64) {
    for _ in 0..count {
        black_box(worker.stage.array.read().unwrap().as_ptr());
    }
}

pub(crate) fn std_mutex(worker: &mut Worker<'_>, count: u64) {
    for _ in 0..count {
        black_box(&raw mut *worker.stage.std_mutex.lock().unwrap());
    }
}

pub(crate) fn std_write(worker: &mut Worker<'_>, count: u64) {
    for _ in 0..count {
        black_box(&raw mut *worker.stage.std_rwlock.write().unwrap());
    }
}

pub(crate) fn std_read(worker: &mut Worker<'_>, count: u64) {
    for _ in 0..count {
        black_box(&raw const *worker.stage.std_rwlock.read().unwrap());
    }
}

pub(crate) fn pthread_mutex(worker: &mut Worker<'_>, count: u64) {
    for _ in 0..count {
        worker.stage.pthread_mutex.lock();
        worker.stage.pthread_mutex.unlock();
    }
}

pub(crate) fn raw_mutex(worker: &mut Worker<'_>, count: u64) {
    for _ in 0..count {
        black_box(*worker.stage.raw_mutex.0.lock().unwrap());
    }
}

pub(crate) fn raw_read(worker: &mut Worker<'_>, count: u64) {
    for _ in 0..count {
        black_box(*worker.stage.raw_rwlock.0.rlock().unwrap());
    }
}

pub(crate) fn barrier(worker: &mut Worker<'_>, count: u64) {
    let array = &worker.stage.array;
    let seat = worker.seat.get_or_insert_with(|| array.barrier(2).unwrap());
    for _ in 0..count {
        seat.wait().unwrap();
    }
}

pub(crate) fn std_barrier(worker: &mut Worker<'_>, count: u64) {
    for _ in 0..count {
        worker.stage.std_barrier.wait();
    }
}

pub(crate) fn pthread_barrier(worker: &mut Worker<'_>, count: u64) {
    for _ in 0..count {
        worker.stage.pthread_barrier.wait();
    }
}

pub(crate) fn claim(worker: &mut Worker<'_>, count: u64) {
    let array = &worker.stage.chunks;
    let mut left = count;
    while left > 0 {
        let mut chunks = array.chunks_of_pass(worker.pass, Axis(0), 1).unwrap();
        while left > 0
            && let Some(chunk) = chunks.next()
        {
            chunk.unwrap().done();
            left -= 1;
        }
        worker.pass += u32::from(left > 0);
    }
}

pub(crate) fn fetch_add(worker: &mut Worker<'_>, count: u64) {
    for _ in 0..count {
        black_box(worker.stage.counter.fetch_add(1, SeqCst));
    }
}
