//! The command `shmarray`: `shmarray --help`.
//!
//! It looks at arrays from outside (by `pread`, never through a mapping) and makes or removes them
//! through the library. It has no logic that a program with the library would need.
#![forbid(unsafe_code)]

mod bar;
mod candidates;
mod columns;
mod completions;
mod doctor;
mod elide;
mod error_text;
mod exit;
mod filter;
mod finding;
mod gc;
mod load;
mod lookup;
mod ls;
mod man;
mod natural;
mod os;
mod out;
mod output_file;
mod overview;
mod paint;
mod rm;
mod save;
mod shape;
mod show;
mod stat;
mod table;
mod units;
mod watch;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::out::Out;

const EXAMPLES: &str = "\
Examples:
  shmarray load elevation.npy elevation    an array that stays until `rm`
  shmarray ls                              what there is, and who has it
  shmarray show elevation '100:104, ::50'  some of its elements
  shmarray rm elevation                    those who have it keep it
  shmarray gc --dry-run                    what killed processes left
";

/// Arrays in shared memory: see them, load them, save them, clean up
///
/// An array is found by its name; one that has no name in /dev/shm, because it is a memfd, by the
/// process that has it and the number of its file descriptor there: `4711:5`.
#[derive(Debug, Parser)]
#[command(name = "shmarray", version)]
#[command(after_help = format!("{EXAMPLES}\n{}", exit::HELP))]
#[command(after_long_help = format!("{EXAMPLES}\n{}\n\n{}", exit::HELP, out::HELP))]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the arrays of this machine
    Ls(ls::Arguments),
    /// Tell everything about one array
    Stat(stat::Arguments),
    /// Print elements of an array, or draw it
    Show(show::Arguments),
    /// Make a named array from a .npy file; it stays until it is removed
    Load(load::Arguments),
    /// Write an array to a .npy file
    Save(save::Arguments),
    /// Remove the names of arrays; those who have them keep them
    Rm(rm::Arguments),
    /// Remove the arrays that killed processes left
    Gc(gc::Arguments),
    /// Tell what works on this machine, and what `auto` would choose
    Doctor(doctor::Arguments),
    /// Show the arrays and who has them, again and again
    Watch(watch::Arguments),
    /// Print what a shell needs to complete this command's arguments
    Completions(completions::Arguments),
    /// Print the manual page, or write one for each subcommand
    Man(man::Arguments),
}

impl Command {
    fn run(&self, out: &mut Out) -> anyhow::Result<ExitCode> {
        match self {
            Self::Ls(arguments) => ls::run(arguments, out),
            Self::Stat(arguments) => stat::run(arguments, out),
            Self::Show(arguments) => show::run(arguments, out),
            Self::Load(arguments) => load::run(arguments, out),
            Self::Save(arguments) => save::run(arguments, out),
            Self::Rm(arguments) => rm::run(arguments, out),
            Self::Gc(arguments) => gc::run(arguments, out),
            Self::Doctor(arguments) => doctor::run(arguments, out),
            Self::Watch(arguments) => watch::run(arguments, out),
            Self::Completions(arguments) => completions::run(arguments, out),
            Self::Man(arguments) => man::run(arguments, out),
        }
    }
}

/// Runs the command with these arguments, of which the first is its own name, and tells how it ended.
/// `--help`, `--version` and the completions of a shell end the process.
pub fn run<A: Into<OsString> + Clone>(arguments: impl IntoIterator<Item = A>) -> ExitCode {
    completions::answer();
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(mut error) => {
            show::explain(&mut error);
            return misunderstood(&error);
        }
    };
    let mut out = Out::new();
    let done = arguments.command.run(&mut out).and_then(|code| {
        out.flush()?;
        Ok(code)
    });
    match done {
        Ok(code) => code,
        // The reader has seen enough.
        Err(_) if out.is_closed() => ExitCode::SUCCESS,
        Err(error) => {
            // The output up to the failure comes first.
            let _ = out.flush();
            out::tell_error(&error);
            exit::code(&error)
        }
    }
}

/// Prints what was asked for by `--help` or `--version`, or tells why a command line is not
/// understood, in the form of all other errors.
fn misunderstood(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        error.exit();
    }
    let text = error.render().to_string();
    out::tell_lines(text.strip_prefix("error: ").unwrap_or(&text).trim_end());
    exit::MISUNDERSTOOD.into()
}
