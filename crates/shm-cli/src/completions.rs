//! `shmarray completions`: what a shell runs to complete a command line.
//!
//! The shell asks this command each time, so that the names of arrays are those there are now.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;
use clap_complete::env::{CompleteEnv, Shells};

use crate::out::Out;

/// By this variable the shell's script says that it asks, and which shell it is.
const VARIABLE: &str = "SHMARRAY_COMPLETE";

const EXAMPLES: &str = "\
Subcommands, options, files and the names of the arrays there are now are
completed.

Examples:
  shmarray completions bash > ~/.local/share/bash-completion/completions/shmarray
  shmarray completions zsh > ~/.zfunc/_shmarray
  shmarray completions fish > ~/.config/fish/completions/shmarray.fish

For zsh, `fpath+=~/.zfunc` stands before `compinit`.
";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, out: &mut Out) -> anyhow::Result<ExitCode> {
    let shell = arguments.shell.to_string();
    let shells = Shells::builtins();
    let shell = shells.completer(&shell).context("there is no completion for that shell")?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "shmarray", "shmarray", "shmarray", &mut script)?;
    out.write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

/// Answers a shell that asks; otherwise it returns.
pub(crate) fn answer() {
    CompleteEnv::with_factory(crate::Arguments::command)
        .var(VARIABLE)
        .bin("shmarray")
        .completer("shmarray")
        .complete();
}
