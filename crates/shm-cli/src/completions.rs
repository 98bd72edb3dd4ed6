//! `shmarray completions`.

use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::out::Out;

const EXAMPLES: &str = "\
Examples:
  shmarray completions bash > ~/.local/share/bash-completion/completions/shmarray
  shmarray completions zsh > ~/.zfunc/_shmarray      (with `fpath+=~/.zfunc` before `compinit`)
  shmarray completions fish > ~/.config/fish/completions/shmarray.fish
";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, out: &mut Out) -> anyhow::Result<ExitCode> {
    // It panics if it cannot write: so it writes into memory.
    let mut script = Vec::new();
    generate(arguments.shell, &mut crate::Arguments::command(), "shmarray", &mut script);
    out.write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
