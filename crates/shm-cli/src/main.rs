//! The command `shmarray` as a program of its own.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    shm_cli::run(std::env::args_os())
}
