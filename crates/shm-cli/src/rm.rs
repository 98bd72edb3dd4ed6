//! `shmarray rm`.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use shm_survey::{Holder, Holders, Place, printable};
use shmarray::ErrorKind;

use crate::exit;
use crate::out::{Out, tell_error};
use crate::overview::{Process, who};

const HELP: &str = "\
Only the name is removed: nobody can attach by it any more. Processes that have the array keep it, and
its memory goes with the last of them. Each name is tried, whatever becomes of the others.

A memfd array has no name to remove: it goes with the last process that has it. Files in /dev/shm that
are no arrays are left alone; what `shmarray ls` tells as unreadable can be removed.

Examples:
  shmarray rm elevation
  shmarray rm tile-1 tile-2 -- -odd-name
";

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    /// What to remove
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments, out: &mut Out) -> anyhow::Result<ExitCode> {
    let holders = shm_survey::holders().unwrap_or_default();
    let mut failures = Vec::new();
    // Whether anybody reads about it or not, each name is tried.
    let mut told = Ok(());
    for name in &arguments.names {
        match remove(name, &holders) {
            Ok(done) => told = told.and(writeln!(out, "{}: {done}", printable(name))),
            Err(error) => {
                failures.push(exit::number(&error));
                told = told.and(out.flush());
                tell_error(&error);
            }
        }
    }
    told?;
    Ok(exit::of_all(&failures))
}

/// Removes one name; what is worth telling of it.
fn remove(name: &str, holders: &Holders) -> anyhow::Result<String> {
    let done = match shm_survey::find(name) {
        Ok(seen) => match seen.place() {
            Place::Entry(_) if seen.is_in_use().unwrap_or(true) => {
                let keepers = keepers(holders.of(&seen));
                format!("removed; kept by {keepers} until they let go of it")
            }
            Place::Entry(_) => "removed".to_owned(),
            Place::Descriptor { .. } => bail!(
                "{name} has no name in /dev/shm that could be removed: it goes with the last \
                 process that has it, now {}",
                keepers(holders.of(&seen))
            ),
        },
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound { .. } | ErrorKind::InvalidName { .. }
            ) =>
        {
            return Err(error.into());
        }
        Err(error) if is_ours(name)? => {
            format!("removed, though it could not be read: {}", printable(&error.to_string()))
        }
        Err(error) => {
            return Err(error).with_context(|| format!("{name} is no array, and left alone"));
        }
    };
    let is_free = shmarray::delete(name).map_err(|error| match error.kind() {
        ErrorKind::InvalidName { .. } => anyhow!(error)
            .context("a temporary entry, which `shmarray gc` removes if whoever made it is gone"),
        _ => error.into(),
    })?;
    if !is_free {
        let (name, backend) = (name.to_owned(), shmarray::BackendKind::Shm);
        return Err(shmarray::Error::from(ErrorKind::AlreadyExists { name, backend }))
            .context("the name was taken again while it was removed");
    }
    Ok(done)
}

/// Whether an entry that cannot be read begins as a segment does: what `shmarray ls` tells of.
fn is_ours(name: &str) -> shmarray::Result<bool> {
    let unreadable = shm_survey::list()?.unreadable;
    Ok(unreadable.iter().any(|file| matches!(&file.place, Place::Entry(entry) if entry == name)))
}

/// The processes that have it.
fn keepers(holders: &[Holder]) -> String {
    let processes = Vec::from_iter(holders.iter().map(Process::from));
    if processes.is_empty() { "somebody who is not to be seen".to_owned() } else { who(&processes) }
}
