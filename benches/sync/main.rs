//! Locks, barriers and claims, beside `std::sync` in one process, a robust `pthread_mutex` that
//! processes share, and the crate `raw_sync`. Read the ratios within a group, not the times.
//!
//! A time is that of one operation; where two work at once, that of one by each.
#![allow(unsafe_code, clippy::unwrap_used)] // fork and pthreads; a bench that fails shall stop

mod pair;
mod pthread;
mod stage;
mod work;

use std::time::{Duration, Instant};

use criterion::Criterion;

use pair::{Partner, Who, stay_on};
use stage::{Stage, Worker};

/// One line of the report.
pub(crate) struct Row {
    group: &'static str,
    name: &'static str,
    who: Who,
    work: fn(&mut Worker<'_>, u64),
}

const fn row(
    group: &'static str,
    name: &'static str,
    who: Who,
    work: fn(&mut Worker<'_>, u64),
) -> Row {
    Row { group, name, who, work }
}

const WRITE: &str = "write lock+unlock";
const READ: &str = "read lock+unlock";
const BARRIER: &str = "barrier";
const CLAIM: &str = "claim+done";

static ROWS: &[Row] = &[
    row(WRITE, "ours", Who::Alone, work::write),
    row(WRITE, "std::sync::Mutex", Who::Alone, work::std_mutex),
    row(WRITE, "std::sync::RwLock", Who::Alone, work::std_write),
    row(WRITE, "pthread robust", Who::Alone, work::pthread_mutex),
    row(WRITE, "raw_sync Mutex", Who::Alone, work::raw_mutex),
    row(WRITE, "ours, 2 processes", Who::Processes, work::write),
    row(WRITE, "std::sync::Mutex, 2 threads", Who::Threads, work::std_mutex),
    row(WRITE, "pthread robust, 2 processes", Who::Processes, work::pthread_mutex),
    row(WRITE, "raw_sync Mutex, 2 processes", Who::Processes, work::raw_mutex),
    row(READ, "ours", Who::Alone, work::read),
    row(READ, "std::sync::RwLock", Who::Alone, work::std_read),
    row(READ, "raw_sync RwLock", Who::Alone, work::raw_read),
    row(READ, "ours, 2 processes", Who::Processes, work::read),
    row(READ, "std::sync::RwLock, 2 threads", Who::Threads, work::std_read),
    row(READ, "raw_sync RwLock, 2 processes", Who::Processes, work::raw_read),
    row(BARRIER, "ours, 2 processes", Who::Processes, work::barrier),
    row(BARRIER, "std::sync::Barrier, 2 threads", Who::Threads, work::std_barrier),
    row(BARRIER, "pthread, 2 processes", Who::Processes, work::pthread_barrier),
    row(CLAIM, "ours", Who::Alone, work::claim),
    row(CLAIM, "fetch_add", Who::Alone, work::fetch_add),
    row(CLAIM, "ours, 2 processes", Who::Processes, work::claim),
    row(CLAIM, "fetch_add, 2 processes", Who::Processes, work::fetch_add),
];

fn main() {
    let stage = Stage::new();
    let mut partner = Partner::fork(&stage); // before anything starts a thread
    stay_on(0);
    let mut worker = Worker::new(&stage);
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30)
        .configure_from_args();
    for rows in ROWS.chunk_by(|one, next| one.group == next.group) {
        let mut group = criterion.benchmark_group(rows[0].group);
        for row in rows {
            group.bench_function(row.name, |bench| {
                bench.iter_custom(|count| measure(row, count, &mut worker, &mut partner));
            });
        }
    }
    criterion.final_summary();
}

/// How long it takes until all have done their work `count` times.
fn measure(row: &Row, count: u64, worker: &mut Worker<'_>, partner: &mut Partner) -> Duration {
    let stage = worker.stage;
    match row.who {
        Who::Alone => {
            let start = Instant::now();
            (row.work)(worker, count);
            start.elapsed()
        }
        Who::Threads => std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                stay_on(1);
                stage.meet();
                (row.work)(&mut Worker::new(stage), count);
            });
            stage.meet();
            let start = Instant::now();
            (row.work)(worker, count);
            other.join().unwrap();
            start.elapsed()
        }),
        Who::Processes => {
            partner.begin(row, count);
            stage.meet();
            let start = Instant::now();
            (row.work)(worker, count);
            partner.finish();
            start.elapsed()
        }
    }
}
