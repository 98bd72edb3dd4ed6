//! Tasks of this repository that are more than one cargo command: `cargo xtask --help`.
//!
//! It depends on no crate of ours, so that it also builds when they do not.
#![forbid(unsafe_code)]

mod cargo;
mod cells;
mod checks;
mod expected;
mod features;
mod matrix;
mod report;
mod tools;

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
    /// Run every test, then every backend x start method x feature set
    TestMatrix {
        /// For the inner loop: the workspace's tests, and the matrix with all features only
        #[arg(long)]
        quick: bool,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().task {
        Task::TestMatrix { quick } => matrix::run(quick),
    }
}
