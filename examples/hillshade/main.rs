//! Shades a relief with several processes that share its memory: what this project is for, in one
//! command. `cargo run --release --example hillshade -- --help` says more.
//!
//! The life of a run, and where to read it:
//! - `cli.rs`: the arguments; `input.rs`, `output.rs`: the files, checked before anything is done;
//! - `request.rs`: makes the shared arrays, fills the elevation, and checks the result;
//! - `workers.rs`: starts the workers by `fork` or `spawn`, and follows them to their ends;
//! - `worker.rs`: maps the arrays in a worker, and fills chunk after chunk by `horn.rs`;
//! - `protocol.rs`, `maps.rs`: what a worker reports, and which memory it sees;
//! - `scale.rs`, `picture.rs`, `report.rs`: enlargement, PNG, the table.
#![deny(unsafe_code)]

mod cli;
mod horn;
mod input;
mod maps;
mod output;
mod picture;
mod protocol;
mod report;
mod request;
mod scale;
mod verdict;
mod worker;
mod workers;

use std::io::Write;
use std::process::ExitCode;

use cli::Args;
use request::Request;

/// A worker reported an error, or the result was wrong.
const FAILED: u8 = 1;
/// The request cannot be met.
const REFUSED: u8 = 2;

fn main() -> ExitCode {
    let args = match Args::from_command_line() {
        Ok(args) => args,
        Err(code) => return code,
    };
    if let (Some(parent), Some(rows)) = (args.worker, args.rows) {
        let orders = worker::Orders { parent, rows, light: args.light(), kill_one: args.kill_one };
        return ExitCode::from(worker::spawned(&orders));
    }
    let done = Request::prepare(&args)
        .map_err(|error| (REFUSED, error))
        .and_then(|request| request.meet(&args).map_err(|error| (FAILED, error)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, error)) => {
            let line = format!("{error:#}").replace('\n', " ");
            // Where standard error is gone, the exit code has to do.
            let _ = writeln!(std::io::stderr(), "error: {line}");
            ExitCode::from(code)
        }
    }
}
