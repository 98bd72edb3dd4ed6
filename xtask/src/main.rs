//! Tasks of this repository that are more than one cargo command: `cargo xtask --help`.
//!
//! It depends on no crate of ours, so that it also builds when they do not.
#![forbid(unsafe_code)]

mod bench;
mod cargo;
mod cells;
mod checks;
mod environment;
mod expected;
mod features;
mod fuzz;
mod loom;
mod matrix;
mod mutants;
mod python;
mod python_package;
mod report;
mod tools;
mod tsan;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Tasks of the shmarray repository",
    version
)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Measure ours beside the bare system calls and beside what people use, in interleaved rounds
    Bench(bench::Options),
    /// Throw generated inputs at what reads headers, payloads, messages and files (needs a nightly
    /// compiler and cargo-fuzz)
    Fuzz {
        /// Only this target
        target: Option<String>,
        /// So many inputs for each; if not said, so many that all take a minute
        #[arg(long)]
        runs: Option<u64>,
    },
    /// Check the algorithms of shm-sync and shm-arena in every order of their steps, with a death at each
    Loom,
    /// Break each promise in a copy of the code, and show that a test fails on it
    Mutants {
        /// Only these
        names: Vec<String>,
        /// Show them, with what they break and which test must fail
        #[arg(long)]
        list: bool,
    },
    /// Share arrays with NumPy and cdxcore, and test the Python package, both installed below the target
    /// directory
    Python,
    /// Run the tests of threads under ThreadSanitizer (needs a nightly compiler)
    Tsan,
    /// Run every test, then every backend x start method x feature set
    TestMatrix {
        /// For the inner loop: the workspace's tests, and the matrix with all features only
        #[arg(long)]
        quick: bool,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().task {
        Task::Bench(options) => bench::run(&options),
        Task::Fuzz { target, runs } => fuzz::run(target.as_deref(), runs),
        Task::Loom => loom::run(),
        Task::Mutants { names, list } => mutants::run(&names, list),
        Task::Python => python::run(),
        Task::Tsan => tsan::run(),
        Task::TestMatrix { quick } => matrix::run(quick),
    }
}
