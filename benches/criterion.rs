//! The rows under criterion, each contender in a process of its own: `cargo bench -p shmarray-bench`.
//! The table of ratios is `cargo xtask bench`: here contenders are measured one after the other.
#![allow(clippy::unwrap_used)] // a measurement that fails shall stop

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use criterion::Criterion;
use shmarray_bench::all;

/// A process that measures one contender.
struct Contest {
    child: Child,
    counts: Option<ChildStdin>,
    times: BufReader<ChildStdout>,
}

impl Contest {
    fn start(row: &str, contender: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_contest"));
        command.args(["serve", row, contender]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let times = BufReader::new(child.stdout.take().unwrap());
        Self { counts: child.stdin.take(), times, child }
    }

    fn run(&mut self, count: u64) -> Duration {
        writeln!(self.counts.as_ref().unwrap(), "{count}").unwrap();
        let mut line = String::new();
        self.times.read_line(&mut line).unwrap();
        Duration::from_nanos(line.trim().parse().unwrap())
    }
}

impl Drop for Contest {
    fn drop(&mut self) {
        self.counts = None;
        let _ = self.child.wait();
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
        .configure_from_args();
    for row in all() {
        if let Err(why) = (row.ready)() {
            println!("{}: not here: {why}", row.key);
            continue;
        }
        let mut group = criterion.benchmark_group(&row.key);
        for contender in &row.contenders {
            group.bench_function(&contender.name, |bench| {
                let mut contest = Contest::start(&row.key, &contender.name);
                bench.iter_custom(|count| contest.run(count));
            });
        }
    }
    criterion.final_summary();
}
