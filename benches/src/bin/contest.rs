//! Measures one contender of one row, in this process: `contest --help`.
//!
//! It has one thread, prints JSON, one value a line, and fails with a message where the row cannot be
//! run here.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)] // a measurement that fails shall stop

use std::io::{BufRead, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use serde_json::{Value, json};
use shmarray_bench::{Goal, Row, Run, all, measure, notes};

#[derive(Debug, Parser)]
#[command(about = "Measures one contender of one row")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Print every row, one a line
    List,
    /// Measure, and print `ns` (of all operations together), `count` (how many they were), `notes`
    Run {
        row: String,
        contender: String,
        /// More and more operations until they take so long
        #[arg(long, default_value_t = 50)]
        millis: u64,
        /// So many operations instead, once, with nothing before them
        #[arg(long, conflicts_with = "millis")]
        count: Option<u64>,
    },
    /// Read how many operations, from lines of standard input, and answer each with its nanoseconds
    Serve { row: String, contender: String },
}

fn main() -> ExitCode {
    match perform(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<(), String> {
    match task {
        Task::List => all().iter().for_each(|row| println!("{}", told(row))),
        Task::Run { row, contender, millis, count } => {
            let mut run = prepare(&row, &contender)?;
            let (time, count) = match count {
                Some(count) => (run(count), count),
                None => measure(&mut run, Duration::from_millis(millis)),
            };
            let ns = u64::try_from(time.as_nanos()).unwrap();
            println!("{}", json!({ "ns": ns, "count": count, "notes": notes() }));
        }
        Task::Serve { row, contender } => {
            let mut run = prepare(&row, &contender)?;
            for line in std::io::stdin().lock().lines() {
                let count = line.unwrap().parse().map_err(|error| format!("{error}"))?;
                println!("{}", run(count).as_nanos());
                std::io::stdout().flush().unwrap();
            }
        }
    }
    Ok(())
}

fn prepare(key: &str, name: &str) -> Result<Run, String> {
    let rows = all();
    let row = rows.iter().find(|row| row.key == key).ok_or(format!("no row {key}"))?;
    (row.ready)()?;
    let contender = row.contenders.iter().find(|contender| contender.name == name);
    let contender = contender.ok_or(format!("no contender {name} in {key}"))?;
    Ok((contender.prepare)())
}

fn told(row: &Row) -> Value {
    let goal = row.goal.map(|goal| match goal {
        Goal::OfFloor(times) => json!({ "of_floor": times }),
        Goal::OfPeer(times) => json!({ "of_peer": times }),
        Goal::Below(time) => json!({ "below_ns": u64::try_from(time.as_nanos()).unwrap() }),
    });
    let contenders = row.contenders.iter();
    let contenders: Vec<_> = contenders
        .map(|contender| json!({ "name": contender.name, "role": contender.role.as_str() }))
        .collect();
    json!({
        "key": row.key,
        "title": row.title,
        "floor": row.floor,
        "bytes": row.bytes,
        "goal": goal,
        "not_ready": (row.ready)().err(),
        "contenders": contenders,
    })
}
