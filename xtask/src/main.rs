//! Tasks of this repository that are more than one cargo command: `cargo xtask --help`.
//!
//! It depends on no crate of ours, so that it also builds when they do not.
#![forbid(unsafe_code)]

mod cargo;
mod cells;
mod checks;
mod expected;
mod features;
mod loom;
mod matrix;
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
    /// Check the algorithms of shm-sync in every order of their steps, with a death at each
    Loom,
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
        Task::Loom => loom::run(),
        Task::Tsan => tsan::run(),
        Task::TestMatrix { quick } => matrix::run(quick),
    }
}
