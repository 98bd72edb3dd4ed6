//! Shares an array with another process: every backend x every way in which the other process
//! starts, in the feature set that this was built with.
//!
//! `matrix cell <backend> <start>` runs one cell and tells what came of it in its last line; so
//! `cargo xtask test-matrix` does it for every feature set. With the usual arguments of a test it
//! runs all cells of this feature set, each in a process of its own. What is impossible has to be
//! refused, with an error that says what can be done about it.

mod array;
mod cell;
mod partner;
mod share;
mod traces;

use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["cell", backend, start] => cell::main(backend, start),
        ["partner", "take"] => partner::main(partner::take),
        ["partner", "payload"] => partner::main(partner::payload),
        _ => {
            let arguments = Arguments::from_args();
            let cells = cell::BACKENDS
                .iter()
                .flat_map(|backend| cell::STARTS.iter().map(|start| trial(backend, start)));
            libtest_mimic::run(&arguments, cells.collect()).exit_code()
        }
    }
}

/// One cell, in a process that has one thread, as it forks.
fn trial(backend: &'static str, start: &'static str) -> Trial {
    Trial::test(format!("{backend}_{start}"), move || {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["cell", backend, start]).env_remove("SHMARRAY_BACKEND");
        // However little there is in /dev/shm, it is enough for a cell.
        let output = command.env("SHMARRAY_SHM_MIN_FREE", "0").output()?;
        if output.status.success() {
            return Ok(());
        }
        let (said, complained) = (output.stdout, output.stderr);
        let said = String::from_utf8_lossy(&said);
        Err(Failed::from(format!("{}{said}", String::from_utf8_lossy(&complained))))
    })
}
