//! `shmarray man`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use clap_mangen::{Man, generate_to};

use crate::out::Out;

const EXAMPLES: &str = "\
Examples:
  shmarray man | man -l -
  shmarray man --to ~/.local/share/man/man1      then `man shmarray-ls`
";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A folder: writes shmarray.1 and a page for each subcommand there
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments, out: &mut Out) -> anyhow::Result<ExitCode> {
    // There are no pages about `shmarray help`, which is not in the one page, either.
    let mut command = crate::Arguments::command().disable_help_subcommand(true);
    match &arguments.to {
        Some(folder) => generate_to(command, folder)
            .with_context(|| format!("cannot write the pages into {}", folder.display()))?,
        None => {
            let mut page = Vec::new();
            command.build();
            Man::new(command).render(&mut page)?;
            out.write_all(&page)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
